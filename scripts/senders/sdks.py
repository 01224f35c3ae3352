"""Signs requests with the official SDKs from PyPI, and asks each SDK whether a signature is valid.

Reads a command a line from standard input, as JSON, and answers each with a line: see Sdks in signing.py. The folder with
the SDKs is in the environment, in PYTHONPATH.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
import sys
import traceback
from datetime import datetime, timezone
from importlib.metadata import version
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.signing import SigningKey

SENDERS = []


def text_of(base):
    """The text of base64 as `whsec_` secrets and signatures have it."""
    return base64.b64encode(base).decode()


def mac(key, text, encode=bytes.hex):
    return encode(hmac.digest(key.encode(), text.encode(), "sha256"))


# Each makes a new key: the content of the file that clawgate reads, and what signs and verifies. Public keys have a
# `private` half.


def secret(prefix=""):
    text = prefix + secrets.token_urlsafe(24)
    return {"file": text, "secret": text}


def whsec():
    text = "whsec_" + text_of(secrets.token_bytes(24))
    return {"file": text, "secret": text}


def ed25519(encode):
    private = SigningKey.generate()
    return {"file": encode(bytes(private.verify_key)), "private": private}


def p256():
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"file": text_of(public), "private": private}


def spaced(event):
    """JSON of which neither blanks nor escapes nor `1.0` would survive if somebody read it and wrote it again.

    The tests change one byte of `hello`. The id is where each of the senders has it.
    """
    number = event["id"]
    ids = f'"id": "{number}", "event_id": "{number}", "data": {{ "id": "{number}" }}'
    return f'{{ {ids}, "object": "event",\n  "text": "hello caf\\u00e9 – 😀",  "amount": 1.0 }}\n'


def events(event):
    return json.dumps([{"eventId": event["id"], "sg_event_id": event["id"], "text": "hello"}], indent=2)


class Request:
    """What an SDK is asked about: the URL, the headers by their lower-case names, and the body."""

    def __init__(self, url, headers, body):
        self.url, self.headers, self.text = url, headers, body
        self.body = body.encode()


class Sender:
    """A webhook sender. A subclass without `package` is not in the list.

    `settings` is [route.verify]. `signs`: whether the SDK makes the signature; else this file does, as documented.
    `signs_id`: whether the event has an id that is signed. `unsigned_id` is the header of an id that is not. `sign` gives
    the headers, and `accepts` is the SDK's own check: it is false or raises if the signature is wrong.
    """

    package = variant = unsigned_id = upstream = None
    signs = signs_id = False
    type = "application/json"
    key = staticmethod(secret)
    body = staticmethod(spaced)

    def __init_subclass__(cls):
        if cls.package:
            SENDERS.append(cls())

    def __init__(self):
        self.keys = {}

    def key_of(self, name):
        if name not in self.keys:
            self.keys[name] = self.key()
        return self.keys[name]

    def query(self, body):
        return ""

    def without_signature(self, body):
        return body


class WebhookHeaders(Sender):
    signs_id = True
    settings = {"scheme": "standard-webhooks"}
    key = staticmethod(whsec)
    family = "webhook"

    def headers(self, event, signature):
        names = {"id": event["id"], "timestamp": str(event["time"]), "signature": signature}
        return {f"{self.family}-{name}": value for name, value in names.items()}

    def sign(self, event, url, body, key):
        from svix.webhooks import Webhook

        at = datetime.fromtimestamp(event["time"], timezone.utc)
        return self.headers(event, Webhook(key["secret"]).sign(event["id"], at, body))


class Svix(WebhookHeaders):
    package = "svix"
    settings = {"scheme": "svix"}
    signs = True
    family = "svix"

    def accepts(self, request, key):
        from svix.webhooks import Webhook

        Webhook(key["secret"]).verify(request.body, request.headers)
        return True


class StandardWebhooks(WebhookHeaders):
    package = "standardwebhooks"
    signs = True

    def sign(self, event, url, body, key):
        from standardwebhooks import Webhook

        at = datetime.fromtimestamp(event["time"], timezone.utc)
        return self.headers(event, Webhook(key["secret"]).sign(event["id"], at, body))

    def accepts(self, request, key):
        from standardwebhooks import Webhook

        return Webhook(key["secret"]).verify(request.body, request.headers)


class Resend(WebhookHeaders):
    package = "resend"
    family = "svix"

    def accepts(self, request, key):
        import resend

        names = ("id", "timestamp", "signature")
        headers = {name: request.headers[f"svix-{name}"] for name in names}
        return resend.Webhooks.verify({"payload": request.text, "headers": headers, "webhook_secret": key["secret"]})


class OpenAi(WebhookHeaders):
    package = "openai"

    def accepts(self, request, key):
        from openai import OpenAI

        OpenAI(api_key="key").webhooks.verify_signature(request.body, request.headers, secret=key["secret"])
        return True


class Stripe(Sender):
    package = "stripe"
    signs_id = True
    settings = {"scheme": "stripe"}
    key = staticmethod(lambda: secret("whsec_"))

    def sign(self, event, url, body, key):
        time = event["time"]
        return {"stripe-signature": f"t={time},v1={mac(key['secret'], f'{time}.{body}')}"}

    def accepts(self, request, key):
        import stripe

        return stripe.Webhook.construct_event(request.body, request.headers["stripe-signature"], key["secret"])


class Slack(Sender):
    package = "slack_sdk"
    signs_id = True
    settings = {"scheme": "slack"}
    signs = True

    def sign(self, event, url, body, key):
        from slack_sdk.signature import SignatureVerifier

        time = str(event["time"])
        signature = SignatureVerifier(key["secret"]).generate_signature(timestamp=time, body=body)
        return {"x-slack-request-timestamp": time, "x-slack-signature": signature}

    def accepts(self, request, key):
        from slack_sdk.signature import SignatureVerifier

        return SignatureVerifier(key["secret"]).is_valid_request(request.body, request.headers)


class Twilio(Sender):
    settings = {"scheme": "twilio"}
    signs = True

    def validator(self, key):
        from twilio.request_validator import RequestValidator

        return RequestValidator(key["secret"])


class TwilioJson(Twilio):
    package = "twilio"
    variant = "JSON"

    def query(self, body):
        return "bodySHA256=" + self.validator(self.key_of("current")).compute_hash(body)

    def sign(self, event, url, body, key):
        return {"x-twilio-signature": self.validator(key).compute_signature(url, {})}

    def accepts(self, request, key):
        return self.validator(key).validate(request.url, request.text, request.headers["x-twilio-signature"])


class TwilioForm(Twilio):
    package = "twilio"
    variant = "form"
    # OpenClaw reads JSON only.
    upstream = "echo:"
    type = "application/x-www-form-urlencoded"

    def body(self, event):
        return f"MessageSid={event['id']}&From=%2B14158675309&Body=hello+caf%C3%A9+%26+more&NumMedia=0"

    def sign(self, event, url, body, key):
        return {"x-twilio-signature": self.validator(key).compute_signature(url, dict(parse_qsl(body)))}

    def accepts(self, request, key):
        parameters = dict(parse_qsl(request.text))
        return self.validator(key).validate(request.url, parameters, request.headers["x-twilio-signature"])


class SendGrid(Sender):
    package = "sendgrid"
    settings = {"scheme": "sendgrid"}
    key = staticmethod(p256)
    body = staticmethod(events)

    def sign(self, event, url, body, key):
        signed = key["private"].sign(f"{event['time']}{body}".encode(), ec.ECDSA(hashes.SHA256()))
        return {
            "x-twilio-email-event-webhook-signature": text_of(signed),
            "x-twilio-email-event-webhook-timestamp": str(event["time"]),
        }

    def accepts(self, request, key):
        from sendgrid.helpers.eventwebhook import EventWebhook

        names = ("signature", "timestamp")
        signature, time = (request.headers[f"x-twilio-email-event-webhook-{name}"] for name in names)
        return EventWebhook(key["file"]).verify_signature(request.text, signature, time)


class Square(Sender):
    package = "squareup"
    signs_id = True
    settings = {"scheme": "square"}

    def query(self, body):
        return "location=L%201"

    def sign(self, event, url, body, key):
        return {"x-square-hmacsha256-signature": mac(key["secret"], url + body, text_of)}

    def accepts(self, request, key):
        from square.utils.webhooks_helper import verify_signature

        return verify_signature(
            request_body=request.text,
            signature_header=request.headers["x-square-hmacsha256-signature"],
            signature_key=key["secret"],
            notification_url=request.url,
        )


class Discord(Sender):
    package = "discord-interactions"
    settings = {"scheme": "discord"}
    key = staticmethod(lambda: ed25519(bytes.hex))

    def body(self, event):
        return f'{{ "id": "{event["id"]}", "type": 2, "data": {{ "name": "hello" }} }}'

    def sign(self, event, url, body, key):
        signature = key["private"].sign(f"{event['time']}{body}".encode()).signature
        return {"x-signature-timestamp": str(event["time"]), "x-signature-ed25519": signature.hex()}

    def accepts(self, request, key):
        from discord_interactions import verify_key

        signature, time = request.headers["x-signature-ed25519"], request.headers["x-signature-timestamp"]
        return verify_key(request.body, signature, time, key["file"])


class Telnyx(Sender):
    package = "telnyx"
    signs_id = True
    settings = {
        "scheme": "public-key",
        "algorithm": "ed25519",
        "signature": "header:telnyx-signature-ed25519",
        "encoding": "base64",
        "signed": "{timestamp}|{body}",
        "timestamp": "header:telnyx-timestamp",
        "id": "body:/data/id",
    }
    key = staticmethod(lambda: ed25519(text_of))

    def sign(self, event, url, body, key):
        signature = key["private"].sign(f"{event['time']}|{body}".encode()).signature
        return {"telnyx-timestamp": str(event["time"]), "telnyx-signature-ed25519": text_of(signature)}

    def accepts(self, request, key):
        from telnyx import Telnyx

        return Telnyx(api_key="key", public_key=key["file"]).webhooks.unwrap(request.text, headers=request.headers)


class Box(Sender):
    package = "boxsdk"
    signs_id = True
    settings = {"scheme": "box"}
    # A new one with each try.
    unsigned_id = "box-delivery-id"

    def sign(self, event, url, body, key):
        time = datetime.fromtimestamp(event["time"], timezone.utc).isoformat()
        return {
            "box-signature-version": "1",
            "box-signature-algorithm": "HmacSHA256",
            "box-delivery-timestamp": time,
            "box-signature-primary": mac("another key", body + time, text_of),
            "box-signature-secondary": mac(key["secret"], body + time, text_of),
        }

    def accepts(self, request, key):
        from box_sdk_gen.managers.webhooks import WebhooksManager

        other = "the primary key"
        return WebhooksManager.validate_message(request.text, request.headers, other, secondary_key=key["secret"])


class Paddle(Sender):
    package = "paddle-python-sdk"
    signs_id = True
    settings = {"scheme": "paddle"}
    key = staticmethod(lambda: secret("pdl_ntfset_"))

    def sign(self, event, url, body, key):
        time = event["time"]
        return {"paddle-signature": f"ts={time};h1={mac(key['secret'], f'{time}:{body}')}"}

    def accepts(self, request, key):
        from paddle_billing.Notifications import Secret, Verifier

        asked = Request(request.url, {"Paddle-Signature": request.headers["paddle-signature"]}, request.text)
        return Verifier().verify(asked, Secret(key["secret"]))


class HubSpot(Sender):
    package = "hubspot-api-client"
    settings = {"scheme": "hubspot"}
    signs = True
    body = staticmethod(events)

    def query(self, body):
        return "team=a%40b&n=1"

    def sign(self, event, url, body, key):
        from hubspot.utils.signature import Signature

        time = f"{event['time']}000"
        signature = Signature.get_signature(key["secret"], body, "v3", url, "POST", time)
        return {"x-hubspot-request-timestamp": time, "x-hubspot-signature-v3": signature}

    def accepts(self, request, key):
        from hubspot.utils.signature import Signature

        signature, time = request.headers["x-hubspot-signature-v3"], request.headers["x-hubspot-request-timestamp"]
        return Signature.is_valid(signature, key["secret"], request.text, request.url, "POST", "v3", time)


class Mailgun(Sender):
    """Mailgun signs the time and a token, which is in the body. The rest of the body is not covered."""

    package = "mailgun"
    settings = {"scheme": "mailgun"}

    def signature(self, event, key):
        time, token = str(event["time"]), "hello" + hashlib.sha256(event["id"].encode()).hexdigest()[:45]
        return {"timestamp": time, "token": token, "signature": mac(key["secret"], time + token)}

    def body(self, event):
        key = self.key_of(event["key"])
        return json.dumps({"signature": self.signature(event, key), "event-data": {"id": event["id"]}}, indent=1)

    def sign(self, event, url, body, key):
        return {}

    def without_signature(self, body):
        return json.dumps({"event-data": json.loads(body)["event-data"]})

    def accepts(self, request, key):
        from mailgun.security import SecurityGuard

        return SecurityGuard.verify_webhook(key["secret"], **json.loads(request.body)["signature"])


class Hmac(Sender):
    """HMAC-SHA256 of the body."""

    header = encode = None

    def sign(self, event, url, body, key):
        return {self.header: mac(key["secret"], body, self.encode)}


class Line(Hmac):
    package = "line-bot-sdk"
    header, encode = "x-line-signature", staticmethod(text_of)
    settings = {"scheme": "hmac", "signature": "header:x-line-signature", "encoding": "base64"}

    def accepts(self, request, key):
        from linebot.v3.webhook import SignatureValidator

        return SignatureValidator(key["secret"]).validate(request.text, request.headers[self.header])


class Razorpay(Hmac):
    package = "razorpay"
    header, encode = "x-razorpay-signature", staticmethod(bytes.hex)
    settings = {"scheme": "hmac", "signature": "header:x-razorpay-signature"}
    unsigned_id = "x-razorpay-event-id"

    def accepts(self, request, key):
        from razorpay.utility import Utility

        return Utility().verify_webhook_signature(request.text, request.headers[self.header], key["secret"])


class WorkOs(Sender):
    package = "workos"
    settings = {
        "scheme": "hmac",
        "signature": "header:workos-signature",
        "separator": ",",
        "field": "v1",
        "timestamp": "field:t",
        "timestamp_unit": "ms",
        "signed": "{timestamp}.{body}",
    }

    def sign(self, event, url, body, key):
        time = f"{event['time']}000"
        return {"workos-signature": f"t={time}, v1={mac(key['secret'], f'{time}.{body}')}"}

    def accepts(self, request, key):
        from workos.webhooks._verification import verify_header

        signature = request.headers["workos-signature"]
        verify_header(event_body=request.body, event_signature=signature, secret=key["secret"])
        return True


class Retell(Sender):
    package = "retell-sdk"
    settings = {
        "scheme": "hmac",
        "signature": "header:x-retell-signature",
        "separator": ",",
        "field": "d",
        "timestamp": "field:v",
        "timestamp_unit": "ms",
        "signed": "{body}{timestamp}",
    }
    signs = True

    def sign(self, event, url, body, key):
        from retell.lib.webhook_auth import symmetric

        return {"x-retell-signature": symmetric["sign"](body, key["secret"], event["time"] * 1000)}

    def accepts(self, request, key):
        from retell.lib.webhook_auth import verify

        return verify(request.text, key["secret"], request.headers["x-retell-signature"])


def listed():
    def described(sender):
        keys = [sender.key_of(name) for name in ("current", "next")]
        return {
            "package": sender.package,
            "variant": sender.variant,
            "version": version(sender.package),
            "settings": sender.settings,
            "signs": sender.signs,
            "signs_id": sender.signs_id,
            "unsigned_id": sender.unsigned_id,
            "upstream": sender.upstream,
            "has_challenge": False,
            "public": "private" in keys[0],
            "files": [key["file"] for key in keys],
        }

    return [described(sender) for sender in SENDERS]


def sign(sender, event, key, url, is_challenge):
    sender = SENDERS[sender]
    body = sender.body({**event, "key": key})
    if query := sender.query(body):
        url = f"{url}?{query}"
    headers = sender.sign(event, url, body, sender.key_of(key))
    without = sender.without_signature(body)
    return {"url": url, "body": body, "unsigned_body": without, "type": sender.type, "headers": headers}


def accepts(sender, key, url, headers, body):
    sender = SENDERS[sender]
    try:
        return bool(sender.accepts(Request(url, headers, body), sender.key_of(key))), ""
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def main():
    # Some SDKs print what they do.
    answers, sys.stdout = sys.stdout, open(os.devnull, "w")
    logging.disable()
    commands = {"list": listed, "sign": sign, "accepts": accepts}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"ok": commands[command.pop("do")](**command)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

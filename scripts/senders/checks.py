"""What must be true of each webhook sender's requests."""

import json

from clawgate import parsed
from signing import Failure

HOUR = 3600


class Checks:
    """The checks of one webhook sender. Each returns nothing, or why it does not apply, or raises Failure."""

    def __init__(self, number, sender, clawgate, received):
        # clawgate counts wrong signatures for each source address.
        self.source = number + 1
        self.sender, self.clawgate, self.received = sender, clawgate, received
        self.request = sender.sign(clawgate.base)
        self.accepted = []
        # In the order in which they run; the titles are those of the table.
        self.all = {
            "SDK": self.request.check_sdk,
            "byte": self.refuses_a_changed_byte,
            "part": self.refuses_a_changed_part,
            "key": self.refuses_a_foreign_key,
            "stale": self.refuses_another_hour,
            "unsigned": self.refuses_no_signature,
            "accepted": self.accepts,
            "replay": self.drops_a_replay,
            "retry": self.drops_a_retry,
            "challenge": self.answers_the_challenge,
            "once": self.arrived_once,
        }

    def refuses_a_changed_byte(self):
        self.refuses(self.request.with_changed_byte())

    def refuses_a_changed_part(self):
        """A time or an id in the headers, or the query of a signed URL."""
        changed = list(self.request.with_one_part_changed())
        for name, request in changed:
            self.refuses(request, what=f"another {name}")
        return None if changed else "-"

    def refuses_a_foreign_key(self):
        self.refuses(self.sender.sign(self.clawgate.base, key="foreign"))

    def refuses_another_hour(self):
        """A valid signature that is an hour old, and one that is an hour too early."""
        if not self.request.has_time():
            return "-"
        for age in (HOUR, -HOUR):
            self.refuses(self.sender.sign(self.clawgate.base, age=age), what=f"{age} s old")

    def refuses_no_signature(self):
        self.refuses(self.request.without_signature(), reason="signature_missing")

    def accepts(self):
        """Both keys of the settings are valid, as while a key is replaced."""
        for request in (self.request, self.sender.sign(self.clawgate.base, key="next")):
            answer = self.send(request)
            if answer.status != 200:
                raise Failure(f"the {request.key} key: {answer}")
            self.accepted.append(request)
            if self.sender.upstream:
                arrived = answer.json["body"]
                if arrived != request.body:
                    raise Failure(f"another body arrived: {arrived!r}")
            elif answer.json.get("ok") is not True:
                raise Failure(f"OpenClaw: {answer}")

    def drops_a_replay(self):
        """The same bytes once more; also with another id in a header that is not signed."""
        for attempt in ("1", "2"):
            self.is_duplicate(self.send(self.request, attempt))

    def drops_a_retry(self):
        """The sender's own second try: the same event, signed anew a second later."""
        if not self.sender.signs_id:
            return "-"
        retry = self.sender.sign(self.clawgate.base, age=-1, event_id=self.request.event["id"])
        self.is_duplicate(self.send(retry, "3"))

    def answers_the_challenge(self):
        """As the SDK does, and only if the challenge is signed."""
        if not self.sender.has_challenge:
            return "-"
        self.refuses(self.sender.sign(self.clawgate.base, key="foreign", is_challenge=True), what="its challenge")
        challenge = self.sender.sign(self.clawgate.base, is_challenge=True)
        status, body = challenge.sdk_answer()
        answer = self.send(challenge)
        is_same = answer.text == body or (answer.json is not None and answer.json == parsed(body))
        if answer.status != status or not is_same:
            raise Failure(f"the SDK answers {status} {body}, clawgate {answer}")

    def arrived_once(self):
        """OpenClaw has received the accepted requests, each once and as it was sent, and nothing else at this path."""
        if self.sender.upstream:
            return "-"
        events = map(json.loads, self.received.read_text().splitlines())
        arrived = [event["payload"] for event in events if f"/hooks/{event['path']}" == self.sender.path]
        if arrived != [json.loads(request.body) for request in self.accepted]:
            raise Failure(f"at OpenClaw: {json.dumps(arrived)}")

    def send(self, request, attempt="1"):
        headers = {"content-type": request.type, **request.headers}
        if self.sender.unsigned_id:
            headers[self.sender.unsigned_id] = f"delivery-{attempt}"
        return self.clawgate.post(self.source, request.url, headers, request.body)

    def refuses(self, request, reason="signature_invalid", what="it"):
        answer = self.send(request)
        if (answer.status, answer.reason()) != (401, reason):
            raise Failure(f"{what}: expected 401 {reason}, not {answer}")

    def is_duplicate(self, answer):
        # Discord wants 204, and Twilio would read a body as instructions for the call.
        empty = {"discord": (204, None), "twilio": (200, None)}
        expected = empty.get(self.sender.settings["scheme"], (200, {"status": "duplicate"}))
        if (answer.status, answer.json) != expected:
            raise Failure(f"expected {expected}, not {answer}")

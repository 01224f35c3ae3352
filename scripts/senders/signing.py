"""Requests that the SDKs sign, and changed copies of them."""

import json
import os
import re
import subprocess
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit


class Failure(Exception):
    """What is wrong, for the person who reads the table."""


class Sdks:
    """The SDKs of one registry, in a process of its own. It reads and writes JSON, a line for each command:

    * `list`: all SDKs, with the settings of their routes and the content of the key files
    * `sign`: a request about an event, signed with a key: `current` and `next` are in the settings, `foreign` is not
    * `accepts`: whether the SDK's own check accepts a request, and if not, why
    * `answer`: what the SDK answers to a challenge, with which the sender tests an address
    """

    def __init__(self, registry, command, environment):
        self.registry = registry
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )

    def senders(self):
        return [Sender(self, number, described) for number, described in enumerate(self.ask("list"))]

    def ask(self, do, **arguments):
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline() or '{"error": "the process has ended"}')
        if "error" in answer:
            raise Failure(f"{self.registry}: {answer['error']}")
        return answer["ok"]


class Sender:
    """A webhook sender, known by its SDK, and its route."""

    def __init__(self, sdks, number, described):
        self.sdks, self.number = sdks, number
        self.version, self.settings = described["version"], described["settings"]
        self.signs, self.signs_id = described["signs"], described["signs_id"]
        self.unsigned_id, self.upstream = described["unsigned_id"], described["upstream"]
        self.has_challenge = described["has_challenge"]
        self.key_setting = "public_key_file" if described["public"] else "secret_file"
        self.key_files = described["files"]
        variant = f" ({described['variant']})" if described["variant"] else ""
        self.title = f"{sdks.registry}: {described['package']}{variant}"
        self.path = "/hooks/" + re.sub("[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def sign(self, base, key="current", age=0, event_id=None, is_challenge=False):
        """A request as it would have been made `age` seconds ago; about a new event if there is no `event_id`."""
        event = {"id": event_id or f"evt-{os.urandom(8).hex()}", "time": int(time.time()) - age}
        what = {"event": event, "key": key, "url": base + self.path, "is_challenge": is_challenge}
        return Request(self, event, key, self.sdks.ask("sign", sender=self.number, **what))


class Request:
    """A request. Its headers are those that carry the signature, and what is signed."""

    def __init__(self, sender, event, key, signed):
        self.sender, self.event, self.key, self.signed = sender, event, key, signed
        self.url, self.headers, self.body = signed["url"], signed["headers"], signed["body"]
        self.type = signed["type"]

    def changed(self, **parts):
        return Request(self.sender, self.event, self.key, {**self.signed, **parts})

    def with_changed_byte(self):
        assert self.body.count("hello") == 1, self.body
        return self.changed(body=self.body.replace("hello", "jello"))

    def without_signature(self):
        return self.changed(headers={}, body=self.signed["unsigned_body"])

    def with_one_part_changed(self):
        """The request with another time or id in a header, or with another query; each with the name of that part."""
        changes = [(self.event["id"], self.event["id"] + "0"), *zip(self.times(), self.times(later=1))]
        for name, value in self.headers.items():
            for old, new in changes:
                if old in value:
                    yield name, self.changed(headers={**self.headers, name: value.replace(old, new)})
        if query := urlsplit(self.url).query:
            yield "query", self.changed(url=self.url.replace(query, query + "0"))

    def times(self, later=0):
        """The ways in which senders write the time of the event."""
        at = datetime.fromtimestamp(self.event["time"] + later, timezone.utc)
        return [str(int(at.timestamp())), at.isoformat(), at.strftime("%Y-%m-%dT%H:%M:%S.000Z")]

    def has_time(self):
        return any(time in part for time in self.times() for part in (self.body, *self.headers.values()))

    def check_sdk(self):
        """The SDK must accept the request, and must refuse it after a byte has changed."""
        accepted, why = self.sdk_accepts()
        if not accepted:
            raise Failure(f"the SDK refuses the request: {why}")
        if self.with_changed_byte().sdk_accepts()[0]:
            raise Failure("the SDK accepts the request after a byte has changed")

    def sdk_accepts(self):
        return self.ask_sdk("accepts")

    def sdk_answer(self):
        """The SDK's status and body for a challenge."""
        answer = self.ask_sdk("answer")
        return answer["status"], answer["body"]

    def ask_sdk(self, do):
        parts = {"url": self.url, "headers": self.headers, "body": self.body}
        return self.sender.sdks.ask(do, sender=self.sender.number, key=self.key, **parts)

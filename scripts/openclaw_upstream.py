"""The real OpenClaw as the upstream of a test, which stops and kills it. openclaw.sh installs it and makes its settings."""

import http.client
import json
import threading
import time

from inbox_checks import start
from inbox_events import Delivery, body_of


class OpenClaw:
    """OpenClaw, and the events of inbox_events.py that have arrived at it.

    Its transform writes each event to a file before OpenClaw answers. `deliveries` has those that `read` has found there."""

    # How long a start or an orderly end may take, in seconds.
    LONGEST = 180

    def __init__(self, folder):
        """`folder`: that of openclaw.sh"""
        self.folder = folder
        with open(f"{folder}/state/openclaw.json", encoding="utf-8") as file:
            self.port = json.load(file)["gateway"]["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token_file = f"{folder}/token"
        self.lock = threading.Lock()
        # Without the events of an earlier test.
        self.received = open(f"{folder}/received.jsonl", "w+b")
        self.rest = b""
        self.forget()
        self.start()

    def forget(self):
        """Forgets what has arrived. Nothing may be under way."""
        self.deliveries, self.arrived = [], set()

    def start(self):
        self.process = start([f"{self.folder}/openclaw", "gateway", "run", "--port", str(self.port)],
                             f"{self.folder}/openclaw.out")

    def stop(self):
        self.process.terminate()
        self.process.wait(self.LONGEST)

    def kill(self):
        self.process.kill()
        self.process.wait()
        # A line may have been cut: the next one begins on its own.
        with open(f"{self.folder}/received.jsonl", "ab") as file:
            file.write(b"\n")

    def ready(self):
        """Whether it answers that it is ready for requests."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            if (code := self.process.poll()) is not None:
                raise TimeoutError(f"OpenClaw has ended with {code}, see {self.folder}/openclaw.out") from None
            return False
        finally:
            connection.close()

    def read(self):
        """Takes in what has arrived since the last call. Returns all events that have arrived."""
        with self.lock:
            *lines, self.rest = (self.rest + self.received.read()).split(b"\n")
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                headers, event = record["headers"], record["payload"]["id"]
                sent = body_of(event)
                # OpenClaw tells the length of the body, and what it means.
                intact = headers.get("content-length") == str(len(sent)) and record["payload"] == json.loads(sent)
                self.deliveries.append(Delivery(
                    event, record["url"], record["at"], record["at"], headers.get("idempotency-key"),
                    headers.get("x-clawgate-event-id"), headers.get("x-clawgate-attempt"), intact))
                self.arrived.add(event)
            return self.arrived

    def wait_for(self, events, seconds):
        """Waits until all of them have arrived; returns those that have not."""
        deadline = time.monotonic() + seconds
        while (missing := events - self.read()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return missing

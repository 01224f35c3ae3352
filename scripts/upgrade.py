"""The measurements of upgrade.sh: one clawgate replaces another, also with events in the inbox, and one stops with requests
in flight.

usage: upgrade.py CLAWGATE CERTS FOLDER SECONDS
"""

import collections
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import inbox_events
from traffic import Load, Upstream, context, upstream

BIN, CERTS, FOLDER, SECONDS = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
IN_FLIGHT = 200
# The longest answer to an event that is acceptable during an upgrade, in seconds. Senders wait three at least.
LONGEST_ANSWER = 1


class Clawgate:
    """A running clawgate, whose log is read to the end."""

    def __init__(self, url, listen=None, passed=None, takeover=False, inbox=None):
        command = [
            BIN, "run", "--upstream", url, "--admin", "off", "--log-format", "json", "--workers", "2",
            "--cert", f"{CERTS}/server.pem", "--key", f"{CERTS}/server.key", "--client-ca", f"{CERTS}/ca.pem",
            "--takeover", "true" if takeover else "false",
        ]
        if inbox:
            command += ["--config", inbox]
        fds = ()
        if passed is None:
            command += ["--listen", listen or "127.0.0.1:0"]
        else:
            fd = passed.fileno()
            fds = (fd,)
            script = f'exec 3<&{fd}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"'
            command = ["/bin/sh", "-c", script] + command
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=fds)
        self.events = []
        self.ready = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.ready.wait(20):
            sys.exit("clawgate did not start")
        self.address = self.event("started")["listen"][0]

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == "started":
                self.ready.set()
        self.ready.set()

    def event(self, name):
        for event in self.events:
            if event["event"] == name:
                return event
        sys.exit(f"no {name} in clawgate's log: {self.events[:3]}")

    def served(self):
        return sum(1 for event in self.events if event["event"] == "request")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)

    def ended(self):
        if self.process.wait(40) != 0:
            sys.exit("clawgate ended with an error")
        while not any(event["event"] == "stopped" for event in list(self.events)):
            time.sleep(0.01)
        return self.event("stopped")["forced"]


def hand_over(title, first, following, keep):
    """Replaces clawgate again and again under load; returns how many requests failed."""
    before = Upstream.arrived
    clawgate = first()
    load = Load(CERTS, clawgate.address, keep)
    served, forced, count = 0, 0, 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.7)
        new = following(clawgate)
        clawgate.stop()
        forced += clawgate.ended()
        served += clawgate.served()
        clawgate, count = new, count + 1
    time.sleep(0.5)
    load.end()
    clawgate.stop()
    forced += clawgate.ended()
    served += clawgate.served()
    arrived = Upstream.arrived - before
    kind = "kept" if keep else "new"
    print(f"{title}, {kind} connections: {count} upgrades, {load.answered} requests served, "
          f"{len(load.failed)} failed ({arrived} arrived, {load.retried} sent again, {forced} ended by force)")
    for failure in load.failed[:3]:
        print(f"  {failure}")
    return len(load.failed) + forced


def settings_of_inbox(number):
    """A file with settings: every event is stored, then delivered."""
    folder = f"{FOLDER}/inbox-{number}"
    os.makedirs(folder, mode=0o700)
    path = f"{FOLDER}/inbox-{number}.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'[inbox]\npath = "{folder}/inbox.db"\nmin_free = "1MiB"\n'
                   '[[route]]\npath = "/hooks/"\ndelivery = "inbox"\n[route.inbox]\nstore_authorization = false\n')
    return path


def hand_over_inbox(title, first, following, keep, recorder):
    """Replaces clawgate again and again while events are stored and delivered; returns how many faults there were."""
    clawgate = first()
    senders = [inbox_events.Sender(f"{title}-{keep}-{n}".replace(" ", "-"), CERTS, clawgate.address, "/hooks/wake", keep)
               for n in range(8)]
    forced, count = 0, 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.7)
        new = following(clawgate)
        clawgate.stop()
        forced += clawgate.ended()
        clawgate, count = new, count + 1
    time.sleep(0.5)
    inbox_events.stop(senders)
    acknowledged = {event for sender in senders for event in sender.acknowledged}
    lost = recorder.wait_for(acknowledged, 60)
    clawgate.stop()
    forced += clawgate.ended()
    failures = [text for sender in senders for text in sender.failures + sender.refused]
    arrivals = collections.Counter(delivery.event for delivery in recorder.deliveries)
    twice = sum(1 for event in acknowledged if arrivals[event] > 1)
    longest = max(sender.longest for sender in senders)
    print(f"{title} with an inbox, {'kept' if keep else 'new'} connections: {count} upgrades, {len(acknowledged)} events "
          f"acknowledged, {len(failures)} failed, {len(lost)} lost, {twice} delivered twice, longest answer "
          f"{longest * 1000:.0f} ms ({forced} ended by force)")
    for failure in failures[:3] + sorted(lost)[:3]:
        print(f"  {failure}")
    return len(failures) + len(lost) + twice + forced + (longest >= LONGEST_ANSWER)


def in_flight(url):
    """Stops clawgate while an upstream delays many answers."""
    clawgate = Clawgate(url)
    host, port = clawgate.address.rsplit(":", 1)
    tls = context(CERTS)
    results = []
    before = Upstream.arrived

    def one():
        try:
            connection = http.client.HTTPConnection(host, int(port), timeout=40)
            connection.sock = tls.wrap_socket(socket.create_connection((host, int(port)), 40), server_hostname="localhost")
            connection.request("POST", "/hooks/hold", b"{}", {"Host": "localhost"})
            answer = connection.getresponse()
            results.append(None if answer.status == 200 and answer.read() == b'{"ok":true}' else str(answer.status))
        except (OSError, http.client.HTTPException) as error:
            results.append(repr(error))

    threads = [threading.Thread(target=one) for _ in range(IN_FLIGHT)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while Upstream.arrived - before < IN_FLIGHT:
        if time.monotonic() > deadline:
            sys.exit(f"only {Upstream.arrived - before} requests arrived")
        time.sleep(0.01)
    clawgate.stop()
    while not any(event["event"] == "draining" for event in list(clawgate.events)):
        time.sleep(0.01)
    Upstream.release.set()
    for thread in threads:
        thread.join()
    forced = clawgate.ended()
    failed = [result for result in results if result]
    print(f"SIGTERM with {IN_FLIGHT} requests in flight: {len(results) - len(failed)} requests served, "
          f"{len(failed)} failed ({forced} ended by force)")
    for failure in failed[:3]:
        print(f"  {failure}")
    return len(failed) + forced


def main():
    url = upstream()
    failed = 0
    for keep in (False, True):
        shared = socket.create_server(("127.0.0.1", 0), backlog=1024)
        failed += hand_over("passed socket", lambda: Clawgate(url, passed=shared), lambda _: Clawgate(url, passed=shared), keep)
        shared.close()
        failed += hand_over("takeover", lambda: Clawgate(url),
                            lambda old: Clawgate(url, listen=old.address, takeover=True), keep)
    recorder = inbox_events.Upstream(slowest=0.004)
    for number, keep in enumerate((False, True)):
        inbox = settings_of_inbox(number)
        failed += hand_over_inbox(
            "takeover", lambda: Clawgate(recorder.url, inbox=inbox),
            lambda old: Clawgate(recorder.url, listen=old.address, takeover=True, inbox=inbox), keep, recorder)
    inbox = settings_of_inbox(2)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as shared:
        failed += hand_over_inbox(
            "passed socket", lambda: Clawgate(recorder.url, passed=shared, inbox=inbox),
            lambda _: Clawgate(recorder.url, passed=shared, inbox=inbox), True, recorder)
    failed += in_flight(url)
    print("no request was lost" if failed == 0 else f"{failed} requests were LOST or late")
    sys.exit(0 if failed == 0 else 1)


main()

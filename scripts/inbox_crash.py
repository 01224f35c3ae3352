"""The measurement of inbox-crash.sh: clawgate is killed again and again, and no acknowledged event may be lost.

usage: inbox_crash.py CLAWGATE CERTS FOLDER KILLS SEED
"""

import atexit
import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from inbox_events import Sender, Upstream, stop

BIN, CERTS, FOLDER, KILLS, SEED = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
SENDERS = 7
# How long a killed clawgate has run, in seconds. The start takes about a tenth of a second, so some are killed in it.
LONGEST_LIFE = 0.7

SETTINGS = """
[listen]
address = "{address}"

[tls]
certificate = "{certs}/server.pem"
private_key = "{certs}/server.key"

[clients]
ca = "{certs}/ca.pem"

[upstream]
url = "{upstream}"

[inbox]
path = "{folder}/inbox/inbox.db"
min_free = "1MiB"

[admin]
address = "off"

[log]
format = "json"

[[route]]
path = "/hooks/any/"
delivery = "inbox"

[route.inbox]
store_authorization = false

[[route]]
path = "/hooks/strict"
delivery = "inbox"

[route.inbox]
order = "strict"
store_authorization = false
"""


def start(number):
    """Starts clawgate; returns the process and its log."""
    path = f"{FOLDER}/clawgate-{number:03}.log"
    with open(path, "wb") as log:
        process = subprocess.Popen([BIN, "run", "--config", f"{FOLDER}/clawgate.toml"], stdout=log, stderr=log)
    atexit.register(process.kill)
    return process, path


def events(path):
    """The lines of a log, but for one that the kill has cut."""
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            try:
                yield json.loads(line)
            except ValueError:
                pass


def started(process, path):
    """Waits until it serves; returns the event."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        for event in events(path):
            if event.get("event") == "started":
                return event
        time.sleep(0.02)
    with open(path, encoding="utf-8", errors="replace") as log:
        sys.exit(f"clawgate did not start: {log.read()[-2000:]}")


def write_settings(address, upstream):
    with open(f"{FOLDER}/clawgate.toml", "w", encoding="utf-8") as file:
        file.write(SETTINGS.format(address=address, certs=CERTS, upstream=upstream, folder=FOLDER))


class Checks:
    """Prints each result, and counts those that are not as they must be."""

    def __init__(self):
        self.failed = 0

    def expect(self, title, bad, total=""):
        bad = list(bad)
        print(f"{'ok   ' if not bad else 'FAIL '} {title}: {len(bad)}{total}")
        for example in bad[:3]:
            print(f"        {example}")
        self.failed += bool(bad)


def unexplained(deliveries, starts):
    """Of the deliveries of one event after its first, those that no kill explains.

    The upstream has answered the one before. clawgate was killed before it had noted that answer, if another clawgate was
    started between the two connections, and if the try has the same number as the one before."""
    for before, again in zip(deliveries, deliveries[1:]):
        restarted = any(before.connected < start <= again.connected for start in starts)
        if not restarted or before.attempt != again.attempt:
            yield f"{again.event}: try {before.attempt}, then {again.attempt}, {again.at - before.at:.3f} s later"


def main():
    random.seed(SEED)
    upstream = Upstream(slowest=0.004)
    os.makedirs(f"{FOLDER}/inbox", mode=0o700)
    write_settings("127.0.0.1:0", upstream.url)
    process, log = start(0)
    address = started(process, log)["listen"][0]
    # From now on always on this address.
    write_settings(address, upstream.url)
    senders = [Sender(f"any{n}", CERTS, address, f"/hooks/any/{n}") for n in range(SENDERS)]
    senders.append(Sender("strict", CERTS, address, "/hooks/strict"))
    starts, lives = [], []
    time.sleep(0.5)
    begun = time.monotonic()
    for number in range(1, KILLS + 1):
        process.send_signal(signal.SIGKILL)
        process.wait()
        # So that the upstream has accepted what the killed one had connected.
        time.sleep(0.02)
        starts.append(time.monotonic())
        process, log = start(number)
        lives.append(random.uniform(0, LONGEST_LIFE))
        if number < KILLS:
            time.sleep(lives[-1])
    started(process, log)
    stop(senders)
    seconds = time.monotonic() - begun
    acknowledged = {event: id for sender in senders for event, id in sender.acknowledged.items()}
    missing = upstream.wait_for(set(acknowledged), 120)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)

    by_event = collections.defaultdict(list)
    for delivery in upstream.deliveries:
        by_event[delivery.event].append(delivery)
    again = {event: deliveries for event, deliveries in by_event.items() if len(deliveries) > 1}
    after = collections.Counter(
        max(start for start in starts if start <= delivery.connected)
        for deliveries in again.values() for delivery in deliveries[1:] if delivery.connected >= starts[0])
    resent = sum(len(sender.failures) for sender in senders)
    duplicates = sum(sender.duplicates for sender in senders)
    print(f"{KILLS} kills in {seconds:.0f} s (seed {SEED}), under the load of {len(senders)} senders:")
    print(f"      {len(acknowledged)} events acknowledged, {len(by_event)} delivered")
    print(f"      {resent} requests without an answer were sent again; {duplicates} of them were stored already, "
          "and were answered as duplicates")
    print(f"      {len(again)} events were delivered twice or more; after one kill at most "
          f"{max(after.values(), default=0)}")

    checks = Checks()
    checks.expect("acknowledged events that were lost", sorted(missing))
    checks.expect("events delivered again without a kill between answer and note",
                  (text for deliveries in again.values() for text in unexplained(deliveries, starts)),
                  f" of {len(again)}")
    checks.expect("events with a changed body", (event for event, all in by_event.items() if not all[0].intact))
    keys = collections.defaultdict(set)
    for delivery in upstream.deliveries:
        keys[delivery.event].add((delivery.key, delivery.event_id))
    checks.expect("events with more than one Idempotency-Key or id", (item for item in keys.items() if len(item[1]) > 1))
    checks.expect("Idempotency-Keys of more than one event",
                  (key for key, count in collections.Counter(
                      key for pairs in keys.values() for key, _ in pairs).items() if count > 1 or key is None))
    checks.expect("events delivered with another id than the acknowledged one",
                  (event for event, id in acknowledged.items()
                   if event in keys and id not in {event_id for _, event_id in keys[event]}))
    first = [delivery.event for delivery in upstream.deliveries if delivery.path == "/hooks/strict"]
    first = list(dict.fromkeys(first))
    checks.expect("strict route: events out of their order",
                  (f"{later} after {earlier}" for earlier, later in zip(first, first[1:]) if later < earlier),
                  f" of {len(first)}")
    checks.expect("answers other than 200, 202 and 503", (text for sender in senders for text in sender.refused))
    words = ("panicked", "inbox_set_aside", "dead_lettered")
    checks.expect("panics, damaged databases, dead letters in the log",
                  (line.strip() for number in range(KILLS + 1)
                   for line in open(f"{FOLDER}/clawgate-{number:03}.log", encoding="utf-8", errors="replace")
                   if any(word in line for word in words)))
    with sqlite3.connect(f"{FOLDER}/inbox/inbox.db") as database:
        result = [text for (text,) in database.execute("PRAGMA integrity_check")]
    checks.expect("faults of the database", (text for text in result if text != "ok"))
    checks.expect("exit code after SIGTERM", [code] if code else [])
    print("no acknowledged event was lost" if not missing else f"{len(missing)} acknowledged events were LOST")
    sys.exit(1 if checks.failed else 0)


main()

"""The measurement of inbox-crash.sh: clawgate is killed again and again, and no acknowledged event may be lost.

usage: inbox_crash.py CLAWGATE CERTS FOLDER KILLS SEED
"""

import collections
import os
import random
import signal
import sqlite3
import sys
import time

from inbox_checks import SETTINGS, Checks, end_with_signal, records, start
from inbox_events import Sender, Upstream, stop

BIN, CERTS, FOLDER, KILLS, SEED = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
SENDERS = 7
# How long a killed clawgate has run, in seconds. The start takes about a tenth of a second, so some are killed in it.
LONGEST_LIFE = 0.7

INBOX = 'path = "{folder}/inbox/inbox.db"\nmin_free = "1MiB"'

STRICT = """
[[route]]
path = "/hooks/strict"
delivery = "inbox"

[route.inbox]
order = "strict"
store_authorization = false
"""


def log_of(number):
    return f"{FOLDER}/clawgate-{number:03}.log"


def start_clawgate(number):
    """Starts it; returns the process and its log."""
    return start([BIN, "run", "--config", f"{FOLDER}/clawgate.toml"], log_of(number)), log_of(number)


def started(process, path):
    """Waits until it serves; returns the event."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        for event in records(path):
            if event.get("event") == "started":
                return event
        time.sleep(0.02)
    with open(path, encoding="utf-8", errors="replace") as log:
        sys.exit(f"clawgate did not start: {log.read()[-2000:]}")


def write_settings(address, upstream):
    with open(f"{FOLDER}/clawgate.toml", "w", encoding="utf-8") as file:
        file.write(SETTINGS.format(address=address, certs=CERTS, upstream=f'url = "{upstream}"',
                                   inbox=INBOX.format(folder=FOLDER)) + STRICT)


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
    end_with_signal()
    upstream = Upstream(slowest=0.004)
    os.makedirs(f"{FOLDER}/inbox", mode=0o700)
    write_settings("127.0.0.1:0", upstream.url)
    process, log = start_clawgate(0)
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
        process, log = start_clawgate(number)
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
    checks.expect_delivered(upstream.deliveries, acknowledged, missing)
    checks.expect("events delivered again without a kill between answer and note",
                  (text for deliveries in again.values() for text in unexplained(deliveries, starts)),
                  f" of {len(again)}")
    first = [delivery.event for delivery in upstream.deliveries if delivery.path == "/hooks/strict"]
    first = list(dict.fromkeys(first))
    checks.expect("strict route: events out of their order",
                  (f"{later} after {earlier}" for earlier, later in zip(first, first[1:]) if later < earlier),
                  f" of {len(first)}")
    checks.expect("answers other than 200, 202 and 503", (text for sender in senders for text in sender.refused))
    checks.expect_logs(map(log_of, range(KILLS + 1)), ("panicked", "inbox_set_aside", "dead_lettered"))
    with sqlite3.connect(f"{FOLDER}/inbox/inbox.db") as database:
        result = [text for (text,) in database.execute("PRAGMA integrity_check")]
    checks.expect("faults of the database", (text for text in result if text != "ok"))
    checks.expect("exit code after SIGTERM", [code] if code else [])
    print("no acknowledged event was lost" if not missing else f"{len(missing)} acknowledged events were LOST")
    sys.exit(1 if checks.failed else 0)


main()

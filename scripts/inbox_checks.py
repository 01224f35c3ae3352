"""What the tests share that let clawgate fail while its inbox fills: settings, processes, and what they check.

A process that is started here ends with the test, also if the test is ended by SIGTERM.
"""

import atexit
import collections
import json
import signal
import subprocess
import sys

# Settings to which a test adds routes with an inbox.
SETTINGS = """
[listen]
address = "{address}"

[tls]
certificate = "{certs}/server.pem"
private_key = "{certs}/server.key"

[clients]
ca = "{certs}/ca.pem"

[upstream]
{upstream}

[inbox]
{inbox}

[admin]
address = "off"

[log]
format = "json"

[[route]]
path = "/hooks/any/"
delivery = "inbox"

[route.inbox]
store_authorization = false
"""


def end_with_signal():
    """Lets SIGTERM end this process as an error would, so that what it has started is ended, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def start(command, log):
    """Starts a process whose output is added to the file `log`."""
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    atexit.register(process.kill)
    return process


def records(log):
    """The records in a log of clawgate, without lines that a kill has cut."""
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                pass


class Checks:
    """Prints each result, and counts those that are not as they must be."""

    def __init__(self):
        self.failed = 0

    def expect(self, title, bad, total="", examples=3):
        """`bad` is what must not be there: it is counted, and the first `examples` are printed."""
        bad = list(bad)
        print(f"{'ok   ' if not bad else 'FAIL '} {title}: {len(bad)}{total}")
        for example in bad[:examples]:
            print(f"        {example}")
        self.failed += bool(bad)

    def expect_delivered(self, deliveries, acknowledged, missing):
        """Each acknowledged event has arrived, unchanged and with one identity. `acknowledged` has the id of each event, and
        `missing` says which have not arrived."""
        keys, ids = collections.defaultdict(set), collections.defaultdict(set)
        for delivery in deliveries:
            keys[delivery.event].add(delivery.key)
            ids[delivery.event].add(delivery.event_id)
        self.expect("acknowledged events that were lost", sorted(missing))
        self.expect("events with a changed body", sorted({one.event for one in deliveries if not one.intact}))
        self.expect("events with more than one Idempotency-Key or id",
                    (f"{event}: {sorted(map(str, keys[event] | ids[event]))}" for event in keys
                     if len(keys[event]) > 1 or len(ids[event]) > 1))
        owners = collections.Counter(key for of_one in keys.values() for key in of_one)
        self.expect("Idempotency-Keys of more than one event",
                    (key for key, count in owners.items() if count > 1 or key is None))
        self.expect("events delivered with another id than the acknowledged one",
                    (event for event, id in acknowledged.items() if event in ids and id not in ids[event]))

    def expect_logs(self, logs, words):
        """No line of these files has one of the words."""
        def lines():
            for path in logs:
                with open(path, encoding="utf-8", errors="replace") as log:
                    yield from (line.strip() for line in log if any(word in line for word in words))

        self.expect(f"lines in the logs with {', '.join(words)}", lines())

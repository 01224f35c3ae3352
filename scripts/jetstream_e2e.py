"""The measurement of jetstream-e2e.sh: several instances with one inbox in NATS, in front of the real OpenClaw.

usage: jetstream_e2e.py CLAWGATE CERTS FOLDER EVENTS SEED NATS_SERVER...

FOLDER is that of openclaw.sh; each NATS_SERVER gets a folder in it.
"""

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from inbox_checks import SETTINGS, Checks, end_with_signal, records, start
from inbox_events import Sender
from nats_cluster import Cluster, free_ports
from openclaw_upstream import OpenClaw

BIN, CERTS, FOLDER, EVENTS, SEED, SERVERS = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:]
INSTANCES = range(3)
SENDERS = 12
# Of how many events one is sent a second time, to another instance, and of how many one is sent to two at once.
AGAIN, AT_ONCE = 10, 20
# How long an answer may take after something has failed, in seconds.
LONGEST = 60
# How long after the last failure all instances must have gone on by themselves, and have delivered all, in seconds. The first
# also holds for the others when the server of one instance is cut off.
GO_ON, DELIVER = 30, 180
# How many events are sent at the end, when nothing fails, and for how long at least, in seconds.
CALM, CALM_SECONDS = 500, 10
# How long the server of an instance is cut off at least, in seconds: until the other instances have gone on.
CUT = 10


class Instances:
    """The processes of clawgate."""

    def __init__(self, folder, cluster, openclaw):
        self.folder, self.cluster, self.openclaw = folder, cluster, openclaw
        self.ports = free_ports(len(INSTANCES))
        # Of a killed server before 2.10 it was seen that an event waits again, of which it had stored that it was delivered.
        self.keeps_outcomes = cluster.version >= (2, 10)
        self.processes = {}
        for n in INSTANCES:
            self.start(n)

    def start(self, n, nodes=None):
        store = [self.cluster.url(node) for node in nodes or self.cluster.nodes]
        with open(self.settings(n), "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(
                address=f"127.0.0.1:{self.ports[n]}", certs=CERTS,
                upstream=f'url = "{self.openclaw.url}"\ntoken_file = "{self.openclaw.token_file}"',
                inbox=f"store = {json.dumps(store)}\nnats.replicas = {len(self.cluster.nodes)}"))
            file.write("\n[runtime]\nworkers = 1\n")
        self.processes[n] = start([BIN, "run", "--config", self.settings(n)], self.log(n))

    def kill(self, n):
        self.processes[n].kill()
        self.processes[n].wait()

    def stop(self, n):
        self.processes[n].send_signal(signal.SIGTERM)
        return self.processes[n].wait(60)

    def settings(self, n):
        return f"{self.folder}/clawgate-{n}.toml"

    def log(self, n):
        return f"{self.folder}/clawgate-{n}.log"

    def waiting(self):
        """How many events wait for their delivery, or None if the inbox cannot be read now."""
        command = [BIN, "inbox", "stats", "--json", "--config", self.settings(INSTANCES[-1])]
        said = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
        return sum(route["waiting"] for route in json.loads(said.stdout)["routes"]) if said.returncode == 0 else None

    def still_waiting(self, seconds=30):
        """How many events wait when none should: it may take some seconds until the last outcomes are stored."""
        deadline = time.monotonic() + seconds
        while (waiting := self.waiting()) != 0 and self.keeps_outcomes and time.monotonic() < deadline:
            time.sleep(0.5)
        return waiting

    def reasons(self, n, failures):
        """Of each request that instance `n` has not acknowledged, what its log says about it."""
        wanted = {failure.id for failure in failures} - {""}
        said = collections.defaultdict(list)
        for record in records(self.log(n)) if wanted else ():
            if record.get("id") in wanted:
                said[record["id"]].append(f"{record['timestamp']} {record['event']}: {record.get('detail') or record.get('reason')}")
        for failure in failures:
            log = "; ".join(said[failure.id]) or "nothing in the log"
            yield f"instance {n}: {failure}: {log}"

    def about(self, event, id):
        """What the instances' logs say about an event with this id."""
        said = [f"instance {n}: {record['timestamp']} {record['event']} {record.get('detail') or record.get('reason') or ''}"
                for n in INSTANCES for record in records(self.log(n)) if record.get("event_id") == id]
        return f"{event} ({id}): {'; '.join(said) or 'nothing in the logs'}"

    def print_last_records(self):
        """What the instances have said last about NATS, the inbox and the deliveries."""
        names = ("nats_", "inbox_", "delivery_started", "delivery_stopped", "upstream_", "route_")
        for n in INSTANCES:
            last = collections.deque((one for one in records(self.log(n)) if one.get("event", "").startswith(names)), 8)
            print(f"the last records of instance {n} about NATS, its inbox and its deliveries:")
            for record in last:
                more = {name: value for name, value in record.items() if name not in ("timestamp", "event", "level", "hint")}
                print(f"        {record['timestamp']} {record['event']} {json.dumps(more)}")


class Channels:
    """Connections of one sender to some instances, and what they have answered."""

    def __init__(self, name, ports):
        path = f"/hooks/any/{name}"
        self.senders = [Sender(name, CERTS, f"127.0.0.1:{port}", path, start=False) for port in ports]

    def deliver(self, event, first, deadline):
        """Sends it to an instance, and then to the others, until one acknowledges it. Returns the id."""
        turn = first
        while time.monotonic() < deadline:
            sender = self.senders[turn % len(self.senders)]
            if sender.send(event) and event in sender.acknowledged:
                return sender.acknowledged[event]
            turn += 1
            time.sleep(0.02)
        return None


class Load:
    """Senders that send `count` events together, or until `enough` is set. They send as many as `allow` allows, and each pauses
    after an event for `pause` seconds."""

    def __init__(self, label, ports, count, instances=INSTANCES, pause=0.0, allowed=None):
        self.label, self.instances, self.pause = label, instances, pause
        self.ports = [ports[n] for n in instances]
        self.changed = threading.Condition()
        self.count, self.allowed = count or sys.maxsize, allowed or sys.maxsize
        self.next, self.acknowledged, self.at = 0, {}, {}
        self.other_ids, self.given_up, self.repeated = [], [], 0
        self.channels = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def allow(self, events):
        with self.changed:
            self.allowed = events
            self.changed.notify_all()

    def take(self):
        with self.changed:
            self.changed.wait_for(lambda: self.next < self.allowed or self.next >= self.count)
            if self.enough.is_set() or self.next >= self.count:
                return None
            self.next += 1
            return self.next

    def run(self, number):
        chance = random.Random(f"{SEED}-{self.label}-{number}")
        own, other = (Channels(f"{self.label}{number}", self.ports) for _ in range(2))
        with self.changed:
            self.channels += [own, other]
        while (taken := self.take()) is not None:
            event = f"{self.label}{number}-{taken:06}"
            first = chance.randrange(len(self.ports))
            deadline = time.monotonic() + LONGEST
            ids = []
            beside = None
            if len(self.ports) > 1 and chance.randrange(AT_ONCE) == 0:
                beside = threading.Thread(target=lambda: ids.append(other.deliver(event, first + 1, deadline)))
                beside.start()
            ids.append(own.deliver(event, first, deadline))
            if beside:
                beside.join()
            elif chance.randrange(AGAIN) == 0:
                ids.append(own.deliver(event, first + 1, deadline))
            with self.changed:
                self.repeated += len(ids) - 1
                given = {id for id in ids if id}
                if given:
                    self.acknowledged[event] = ids[-1] or ids[0]
                    self.at[event] = time.monotonic()
                if None in ids:
                    self.given_up.append(event)
                if len(given) > 1:
                    self.other_ids.append(f"{event}: {sorted(given)}")
            time.sleep(self.pause)

    def progress(self):
        """How many events have been acknowledged or given up."""
        with self.changed:
            return len(self.acknowledged.keys() | self.given_up)

    def join(self):
        for thread in self.threads:
            thread.join()

    def end(self):
        self.enough.set()
        self.join()

    def refused(self):
        return [text for channels in self.channels for sender in channels.senders for text in sender.refused]

    def failures(self):
        """The requests without an acknowledgement, by instance."""
        found = collections.defaultdict(list)
        for channels in self.channels:
            for n, sender in zip(self.instances, channels.senders):
                found[n] += sender.failures
        return found


class Disturbances:
    """What has failed, and when: a delivery may be repeated because of it."""

    # A process that has taken over may have waited for the end of the right of another one.
    AFTERWARDS = 15

    def __init__(self):
        self.begun, self.times = time.monotonic(), []

    def say(self, what):
        print(f"{time.monotonic() - self.begun:7.1f} s  {what}", flush=True)

    @contextlib.contextmanager
    def during(self, what):
        self.say(what)
        times = [time.monotonic(), None]
        self.times.append(times)
        yield
        times[1] = time.monotonic()

    def explain(self, first, again):
        return any(begin <= again and first <= (end or again) + self.AFTERWARDS for begin, end in self.times)


def wait_until(what, holds, seconds=LONGEST):
    """Waits until it holds; returns after how many seconds."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() > begun + seconds:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)
    return time.monotonic() - begun


class Restarts:
    """Restarts of OpenClaw, while other things fail."""

    def __init__(self, openclaw, disturbances):
        self.openclaw, self.disturbances = openclaw, disturbances
        self.threads, self.errors = [], []
        # How long each took, in seconds.
        self.away = []

    def begin(self, what, end):
        self.threads.append(threading.Thread(target=self.restart, args=(what, end), daemon=True))
        self.threads[-1].start()

    def restart(self, what, end):
        begun = time.monotonic()
        try:
            with self.disturbances.during(f"OpenClaw {what}, and is started again"):
                end()
                self.openclaw.start()
                wait_until("OpenClaw to be ready", self.openclaw.ready, self.openclaw.LONGEST)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            self.errors.append(error)
            return
        self.away.append(time.monotonic() - begun)
        self.disturbances.say(f"OpenClaw is ready again, {self.away[-1]:.1f} s later")

    def wait(self):
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def disturb(load, cluster, instances, restarts, disturbances):
    """Lets things fail, one after the other, while the events are sent, and OpenClaw beside them."""
    def instance_killed(n):
        with disturbances.during(f"instance {n} is killed"):
            instances.kill(n)
            time.sleep(1)
            instances.start(n)

    def node_killed(n):
        with disturbances.during(f"NATS server {n} is killed, and started after 3 s"):
            cluster.kill(n)
            time.sleep(3)
            cluster.start(n)

    nodes = cluster.nodes
    steps = [
        (0.10, lambda: instance_killed(0)),
        (0.20, lambda: restarts.begin("gets SIGTERM", restarts.openclaw.stop)),
        (0.30, lambda: node_killed(nodes[-2:][0])),
        (0.45, lambda: instance_killed(1)),
        (0.60, lambda: node_killed(nodes[0])),
        (0.75, lambda: instance_killed(2)),
        (0.85, lambda: node_killed(nodes[-1])),
    ]
    # So that each thing fails under load, events are left for it.
    shares = [share for share, _ in steps[1:]] + [1.0]
    for (share, step), next_share in zip(steps, shares):
        load.allow(int(next_share * EVENTS))
        wait_until(f"{share:.0%} of the events", lambda: load.progress() >= int(share * EVENTS), 600)
        step()
    load.join()
    restarts.wait()


def cut_off(title, instances, disturbances, cut, heal):
    """Lets the NATS server of instance 0 lose the others. Returns the loads, and what instance 0 has acknowledged meanwhile."""
    name = title.replace(" ", "-")
    alone = Load(f"{name}-alone", instances.ports, 0, [0])
    others = Load(f"{name}-others", instances.ports, 0, [1, 2])
    wait_until("events of both sides", lambda: alone.progress() > 20 and others.progress() > 20)
    with disturbances.during(f"the NATS server of instance 0 is {title}"):
        cut()
        # What was under way may still be confirmed.
        time.sleep(1)
        begun, before = time.monotonic(), len(others.acknowledged)
        # On a slow machine the servers take longer to choose another leader.
        while time.monotonic() < begun + CUT or (
                len(others.acknowledged) < before + 20 and time.monotonic() < begun + GO_ON):
            time.sleep(0.1)
        ended = time.monotonic()
        meanwhile = [event for event, at in list(alone.at.items()) if begun <= at <= ended]
        others_meanwhile = len(others.acknowledged) - before
        heal()
    count = len(alone.acknowledged)
    back = wait_until("instance 0 to go on", lambda: len(alone.acknowledged) > count + 20)
    alone.end()
    others.end()
    return [alone, others], meanwhile, others_meanwhile, back


def partitions(cluster, instances, restarts, disturbances):
    """Lets instance 0 lose the NATS server that it uses, and kills OpenClaw meanwhile. Returns what `cut_off` returns, by what has
    happened to that server."""
    with disturbances.during("instance 0 is stopped, and started with one NATS server only"):
        code = instances.stop(0)
        instances.start(0, nodes=[0])

    def cut():
        cluster.proxies.cut(0)
        wait_until("NATS server 0 to have no routes", lambda: cluster.routes(0) == 0, 10)
        restarts.begin("is killed", restarts.openclaw.kill)

    node = cluster.processes[0]
    parts = {"cut off": cut_off("cut off", instances, disturbances, cut, cluster.proxies.heal)}
    parts["stopped"] = cut_off("stopped", instances, disturbances, lambda: node.send_signal(signal.SIGSTOP),
                               lambda: node.send_signal(signal.SIGCONT))
    restarts.wait()
    return parts, code


def go_on(instances):
    """Sends events to each instance until it has acknowledged twenty without a failure between them. Returns the senders, by
    instance."""
    senders = {n: Sender(f"back{n}", CERTS, f"127.0.0.1:{instances.ports[n]}", "/hooks/any/back", start=False)
               for n in INSTANCES}
    deadline = time.monotonic() + GO_ON
    for n, sender in senders.items():
        event = in_sequence = 0
        while in_sequence < 20:
            if time.monotonic() > deadline:
                for reason in list(instances.reasons(n, sender.failures))[-10:]:
                    print(f"        {reason}")
                raise TimeoutError(f"instance {n} has not gone on {GO_ON} s after the last failure")
            if sender.send(f"back{n}-{event:06}"):
                event, in_sequence = event + 1, in_sequence + 1
            else:
                in_sequence = 0
                time.sleep(0.1)
    return senders


def measure(cluster, instances, openclaw, disturbances):
    """Sends the events, lets things fail, and prints what has come out of it. Returns how many checks have failed."""
    wait_until("OpenClaw to be ready", openclaw.ready, openclaw.LONGEST)
    disturbances.say("OpenClaw is ready")
    first = Load("w", instances.ports, 1)
    first.join()
    if not first.acknowledged:
        raise TimeoutError("no instance acknowledges an event")
    begun = time.monotonic()
    load = Load("e", instances.ports, EVENTS, allowed=1)
    restarts = Restarts(openclaw, disturbances)
    disturb(load, cluster, instances, restarts, disturbances)
    seconds = time.monotonic() - begun

    parts, codes = {}, []
    if len(cluster.nodes) > 1:
        parts, code = partitions(cluster, instances, restarts, disturbances)
        codes.append(code)
    loads = [first, load] + [one for part in parts.values() for one in part[0]]

    failed_last = time.monotonic()
    senders = go_on(instances)
    went_on = time.monotonic() - failed_last
    disturbances.say(f"all instances acknowledge, {went_on:.1f} s after the last failure")
    acknowledged = {event: id for one in loads + list(senders.values()) for event, id in one.acknowledged.items()}
    openclaw.wait_for(set(acknowledged), DELIVER)
    delivered = time.monotonic() - failed_last
    disturbances.say(f"all events have arrived, {delivered:.1f} s after the last failure")
    waiting = instances.still_waiting()

    # From now on no event may come twice, and none may need a second request.
    calm = Load("calm", instances.ports, CALM, pause=CALM_SECONDS * SENDERS / CALM)
    calm.join()
    loads.append(calm)
    acknowledged.update(calm.acknowledged)
    missing = openclaw.wait_for(set(acknowledged), LONGEST)
    time.sleep(1)
    codes += [instances.stop(n) for n in INSTANCES]
    openclaw.read()

    by_event = collections.defaultdict(list)
    for delivery in openclaw.deliveries:
        by_event[delivery.event].append(delivery)
    again = {event: all for event, all in by_event.items() if len(all) > 1}
    unexplained = [
        f"{event}: {later.at - one.at:.3f} s later, try {one.attempt}, then {later.attempt}" for event, all in again.items()
        for one, later in zip(all, all[1:])
        if event in calm.acknowledged or not disturbances.explain(one.at, later.at)]
    rows = [
        ("events acknowledged", len(acknowledged)),
        ("events delivered to OpenClaw", len(by_event)),
        ("acknowledged and lost", len(missing)),
        ("sent again after an acknowledgement, or twice at once", sum(one.repeated for one in loads)),
        ("requests without an acknowledgement, which were sent again",
         sum(len(of_one) for one in loads for of_one in one.failures().values())),
        ("delivered more than once", len(again)),
        ("of these without anything that has failed", len(unexplained)),
        ("events in a second, with all that failed", round(EVENTS / seconds)),
        ("OpenClaw restarted: seconds until it was ready", " + ".join(f"{one:.1f}" for one in restarts.away)),
    ]
    for title, (_, meanwhile, others_meanwhile, back) in parts.items():
        rows += [
            (f"NATS server {title}: acknowledged by its instance meanwhile", len(meanwhile)),
            (f"NATS server {title}: acknowledged by the others meanwhile", others_meanwhile),
            (f"NATS server {title}: seconds until the instance went on", round(back, 1)),
        ]
    rows += [
        ("after the last failure: seconds until all instances acknowledged", round(went_on, 1)),
        ("after the last failure: seconds until all events had arrived", round(delivered, 1)),
        ("events that waited in the inbox then", "not readable" if waiting is None else waiting),
    ]
    print()
    for title, value in rows:
        print(f"{title:68} {value:>11}")
    print()

    checks = Checks()
    checks.expect_delivered(openclaw.deliveries, acknowledged,
                            [instances.about(event, acknowledged[event]) for event in missing])
    checks.expect("events delivered again without anything that has failed", unexplained)
    if instances.keeps_outcomes:
        checks.expect("no answer, or events that wait though they have arrived", [] if waiting == 0 else [waiting])
    checks.expect("events that two instances gave two ids", (text for one in loads for text in one.other_ids))
    checks.expect("events that no instance acknowledged in time",
                  (event for one in loads if one.instances != [0] for event in one.given_up))
    for title, (_, meanwhile, others_meanwhile, _) in parts.items():
        checks.expect(f"acknowledged while the NATS server was {title}", meanwhile)
        checks.expect(f"no event acknowledged by the others while it was {title}", [] if others_meanwhile else ["none"])
    checks.expect("requests without an acknowledgement while nothing fails",
                  (text for n, failures in calm.failures().items() for text in instances.reasons(n, failures)), examples=20)
    checks.expect("answers other than 200, 202 and 503",
                  [text for one in loads for text in one.refused()] + [text for one in senders.values() for text in one.refused])
    checks.expect_logs(map(instances.log, INSTANCES), ("panicked", "dead_lettered"))
    checks.expect("exit codes after SIGTERM", (code for code in codes if code))
    return checks.failed


def main():
    random.seed(SEED)
    end_with_signal()
    openclaw = OpenClaw(FOLDER)
    failed = 0
    for number, program in enumerate(SERVERS):
        folder = f"{FOLDER}/{number}"
        os.mkdir(folder)
        openclaw.forget()
        # First, since it starts a process: threads would not go on in that one.
        cluster = Cluster(program, folder)
        instances = Instances(folder, cluster, openclaw)
        print(f"{cluster}, seed {SEED}, begun at {time.strftime('%H:%M:%S UTC', time.gmtime())}", flush=True)
        try:
            faults = measure(cluster, instances, openclaw, Disturbances())
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {error}")
            faults = 1
        if faults:
            instances.print_last_records()
            failed += faults
            break
        for node in cluster.nodes:
            cluster.kill(node)
        print(flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

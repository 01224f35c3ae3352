"""The measurement of jetstream-e2e.sh: several instances with one inbox in a cluster of NATS.

Of a nats-server before 2.10 there is only one, since clawgate takes no cluster of these.

usage: jetstream_e2e.py CLAWGATE NATS_SERVER CERTS FOLDER EVENTS SEED
"""

import asyncio
import atexit
import collections
import json
import multiprocessing
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from inbox_events import Sender, Upstream

BIN, NATS, CERTS, FOLDER, EVENTS, SEED = *sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6])
VERSION = tuple(int(part) for part in re.search(
    r"v(\d+)\.(\d+)\.(\d+)", subprocess.run([NATS, "--version"], capture_output=True, text=True, check=True).stdout).groups())
NODES = range(3 if VERSION >= (2, 10) else 1)
INSTANCES = range(3)
SENDERS = 12
# Of how many events one is sent a second time, to another instance, and of how many one is sent to two at once.
AGAIN, AT_ONCE = 10, 20
# How long an answer may take after something has failed, in seconds.
LONGEST = 60
# How many events are sent at the end, when nothing fails.
CALM = 500
# How long the server of an instance is cut off, in seconds.
CUT = 12

SETTINGS = """
[listen]
address = "127.0.0.1:{port}"

[tls]
certificate = "{certs}/server.pem"
private_key = "{certs}/server.key"

[clients]
ca = "{certs}/ca.pem"

[upstream]
url = "{upstream}"

[inbox]
store = [{store}]
nats.replicas = {replicas}

[admin]
address = "off"

[runtime]
workers = 1

[log]
format = "json"

[[route]]
path = "/hooks/any/"
delivery = "inbox"

[route.inbox]
store_authorization = false
"""

NATS_SETTINGS = """
server_name: "n{number}"
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{monitoring}"
jetstream {{ store_dir: "{folder}/streams-{number}", max_file_store: 4GB{sync} }}
"""

CLUSTER_SETTINGS = """
cluster {{
  name: clawgate
  listen: "127.0.0.1:{route}"
  advertise: "127.0.0.1:{proxy}"
  routes: [{routes}]
}}
"""


def free_ports(count):
    """Ports that nothing uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Proxies:
    """Carries the connections between the servers, in a process of its own, and cuts a server off from the others.

    Servers tell each other their addresses, so each address is that of one proxy, whoever connects to it. Who that is, it says
    itself: `"server_name":"n0"`."""

    def __init__(self, routes):
        """`routes`: (listening port, target port) of each node"""
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(routes, theirs), daemon=True)
        self.process.start()
        self.pipe.recv()

    def cut(self, node):
        self.pipe.send(node)
        self.pipe.recv()

    def heal(self):
        self.cut(None)

    @staticmethod
    def run(routes, pipe):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(Proxies.serve(routes, pipe))

    @staticmethod
    async def serve(routes, pipe):
        cut_off = [None]
        writers = collections.defaultdict(set)

        async def copy(reader, writer, learn=None):
            begin = b""
            try:
                while piece := await reader.read(65536):
                    if learn:
                        begin += piece
                        if name := re.search(rb'"server_name":"n(\d)"', begin):
                            learn(int(name.group(1)))
                            learn = None
                    writer.write(piece)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.close()

        def carry(target, node):
            async def connected(reader, writer):
                try:
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
                except OSError:
                    writer.transport.abort()
                    return
                pair, ends = {writer, far_writer}, set()

                def learn(end):
                    ends.add(end)
                    writers[end] |= pair
                    if cut_off[0] == end:
                        for one in pair:
                            one.transport.abort()

                learn(node)
                await asyncio.gather(copy(reader, far_writer, learn), copy(far_reader, writer))
                for end in ends:
                    writers[end] -= pair

            return connected

        for node, (listening, target) in enumerate(routes):
            await asyncio.start_server(carry(target, node), "127.0.0.1", listening)
        pipe.send("ready")
        loop = asyncio.get_running_loop()
        while True:
            try:
                cut_off[0] = await loop.run_in_executor(None, pipe.recv)
            except EOFError:
                return
            for writer in list(writers[cut_off[0]]) if cut_off[0] is not None else []:
                writer.transport.abort()
            pipe.send("done")


class Cluster:
    """The nats-servers. The connections between them go through `Proxies`."""

    def __init__(self):
        count = len(NODES)
        ports = free_ports(4 * count)
        self.client, self.monitoring, self.route, self.proxy = (ports[n * count : (n + 1) * count] for n in range(4))
        self.proxies = Proxies(list(zip(self.proxy, self.route)))
        # Before 2.10 a server has no setting for it.
        sync = ", sync_interval: always" if VERSION >= (2, 10) else ""
        text = NATS_SETTINGS + (CLUSTER_SETTINGS if count > 1 else "")
        self.processes = {}
        for n in NODES:
            with open(f"{FOLDER}/nats-{n}.conf", "w", encoding="utf-8") as file:
                routes = ", ".join(f'"nats-route://127.0.0.1:{self.proxy[other]}"' for other in NODES if other != n)
                file.write(text.format(
                    number=n, client=self.client[n], monitoring=self.monitoring[n], route=self.route[n],
                    proxy=self.proxy[n], routes=routes, folder=FOLDER, sync=sync))
            self.start(n)

    def url(self, n):
        return f"nats://127.0.0.1:{self.client[n]}"

    def start(self, n):
        with open(f"{FOLDER}/nats-{n}.log", "ab") as log:
            self.processes[n] = subprocess.Popen([NATS, "-c", f"{FOLDER}/nats-{n}.conf"], stdout=log, stderr=log)
        atexit.register(end, self.processes[n])

    def kill(self, n):
        self.processes[n].kill()
        self.processes[n].wait()

    def routes(self, n):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitoring[n]}/routez", timeout=5) as answer:
            return json.load(answer)["num_routes"]


class Instances:
    """The processes of clawgate."""

    def __init__(self, cluster, upstream):
        self.cluster, self.upstream = cluster, upstream
        self.ports = free_ports(len(INSTANCES))
        self.processes, self.starts = {}, collections.Counter()
        for n in INSTANCES:
            self.start(n)

    def start(self, n, nodes=NODES):
        store = ", ".join(f'"{self.cluster.url(node)}"' for node in nodes)
        path = f"{FOLDER}/clawgate-{n}.toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(port=self.ports[n], certs=CERTS, upstream=self.upstream.url, store=store,
                                       replicas=len(NODES)))
        with open(f"{FOLDER}/clawgate-{n}.log", "ab") as log:
            self.processes[n] = subprocess.Popen([BIN, "run", "--config", path], stdout=log, stderr=log)
        atexit.register(end, self.processes[n])
        self.starts[n] += 1

    def kill(self, n):
        self.processes[n].kill()
        self.processes[n].wait()

    def stop(self, n):
        self.processes[n].send_signal(signal.SIGTERM)
        return self.processes[n].wait(60)

    def log(self, n):
        with open(f"{FOLDER}/clawgate-{n}.log", encoding="utf-8", errors="replace") as log:
            return log.readlines()


def end(process):
    if process.poll() is None:
        process.kill()


class Channels:
    """Connections of one sender to all instances, and what they have answered."""

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
    """Senders that send `count` events together, or until `enough` is set."""

    def __init__(self, label, ports, count, instances=INSTANCES):
        self.label, self.ports, self.instances = label, [ports[n] for n in instances], instances
        self.count, self.lock = count, threading.Lock()
        self.next, self.acknowledged, self.at = 0, {}, {}
        self.other_ids, self.given_up, self.repeated = [], [], 0
        self.channels = []
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def take(self):
        with self.lock:
            if self.enough.is_set() or (self.count and self.next >= self.count):
                return None
            self.next += 1
            return self.next

    def run(self, number):
        chance = random.Random(f"{SEED}-{self.label}-{number}")
        own, other = (Channels(f"{self.label}{number}", self.ports) for _ in range(2))
        with self.lock:
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
            with self.lock:
                self.repeated += len(ids) - 1
                given = {id for id in ids if id}
                if given:
                    self.acknowledged[event] = ids[-1] or ids[0]
                    self.at[event] = time.monotonic()
                if None in ids:
                    self.given_up.append(event)
                if len(given) > 1:
                    self.other_ids.append(f"{event}: {sorted(given)}")

    def progress(self):
        with self.lock:
            return len(self.acknowledged)

    def join(self):
        for thread in self.threads:
            thread.join()

    def refused(self):
        return [text for channels in self.channels for sender in channels.senders for text in sender.refused]

    def failures(self):
        return sum(len(sender.failures) for channels in self.channels for sender in channels.senders)


class Disturbances:
    """What has failed, and when: a delivery may be repeated because of it."""

    # A process that has taken over may have waited for the end of the right of another one.
    AFTERWARDS = 15

    def __init__(self):
        self.begun, self.times = time.monotonic(), []

    def during(self, what):
        print(f"{time.monotonic() - self.begun:7.1f} s  {what}", flush=True)
        self.times.append([time.monotonic(), None])

    def over(self):
        self.times[-1][1] = time.monotonic()

    def explain(self, first, again):
        return any(begin <= again and first <= (end or again) + self.AFTERWARDS for begin, end in self.times)


def wait_until(what, holds, seconds=LONGEST):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)


def disturb(load, cluster, instances, upstream, disturbances):
    """Lets things fail, one after the other, while the events are sent."""
    def instance_killed(n):
        disturbances.during(f"instance {n} is killed")
        instances.kill(n)
        time.sleep(1)
        instances.start(n)

    def node_killed(n):
        disturbances.during(f"NATS server {n} is killed, and started after 3 s")
        cluster.kill(n)
        time.sleep(3)
        cluster.start(n)

    def upstream_restarts():
        disturbances.during("the upstream is down for 5 s")
        upstream.down()
        time.sleep(5)
        upstream.up()

    steps = [
        (0.10, lambda: instance_killed(0)), (0.25, lambda: node_killed(NODES[-2:][0])), (0.40, upstream_restarts),
        (0.55, lambda: instance_killed(1)), (0.65, lambda: node_killed(0)), (0.75, lambda: instance_killed(2)),
        (0.85, lambda: node_killed(NODES[-1])),
    ]
    for part, step in steps:
        wait_until(f"{part:.0%} of the events", lambda: load.progress() >= part * EVENTS, 600)
        step()
        disturbances.over()


def cut_off(title, cluster, instances, disturbances, cut, heal):
    """Lets the NATS server of instance 0 lose the others. Returns the loads, and what instance 0 has acknowledged meanwhile."""
    name = title.replace(" ", "-")
    alone = Load(f"{name}-alone", instances.ports, 0, [0])
    others = Load(f"{name}-others", instances.ports, 0, [1, 2])
    wait_until("events of both sides", lambda: alone.progress() > 20 and others.progress() > 20)
    disturbances.during(f"the NATS server of instance 0 is {title}")
    cut()
    # What was under way may still be confirmed.
    time.sleep(1)
    begun, before = time.monotonic(), others.progress()
    time.sleep(CUT)
    ended = time.monotonic()
    meanwhile = [event for event, at in alone.at.items() if begun <= at <= ended]
    others_meanwhile = others.progress() - before
    heal()
    disturbances.over()
    healed = time.monotonic()
    count = alone.progress()
    wait_until("instance 0 to go on", lambda: alone.progress() > count + 20)
    back = time.monotonic() - healed
    alone.enough.set()
    others.enough.set()
    alone.join()
    others.join()
    return [alone, others], meanwhile, others_meanwhile, back


def partitions(cluster, instances, disturbances):
    """Lets instance 0 lose the NATS server that it uses. Returns what `cut_off` returns, by what has happened to that server."""
    disturbances.during("instance 0 is stopped, and started with one NATS server only")
    code = instances.stop(0)
    instances.start(0, nodes=[0])
    disturbances.over()

    def cut():
        cluster.proxies.cut(0)
        wait_until("NATS server 0 to have no routes", lambda: cluster.routes(0) == 0, 10)

    node = cluster.processes[0]
    parts = {"cut off": cut_off("cut off", cluster, instances, disturbances, cut, cluster.proxies.heal)}
    parts["stopped"] = cut_off(
        "stopped", cluster, instances, disturbances, lambda: node.send_signal(signal.SIGSTOP),
        lambda: node.send_signal(signal.SIGCONT))
    return parts, code


def main():
    random.seed(SEED)
    # So that what was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # First, since it starts a process: threads would not go on in that one.
    cluster = Cluster()
    upstream = Upstream(slowest=0.004)
    servers = "one" if len(NODES) == 1 else f"a cluster of {len(NODES)}"
    print(f"nats-server {'.'.join(map(str, VERSION))}, {servers}, seed {SEED}", flush=True)
    instances = Instances(cluster, upstream)
    disturbances = Disturbances()
    first = Load("w", instances.ports, 1)
    first.join()
    if not first.acknowledged:
        sys.exit(f"no instance acknowledges an event: {''.join(instances.log(0)[-20:])}")
    begun = time.monotonic()
    load = Load("e", instances.ports, EVENTS)
    disturb(load, cluster, instances, upstream, disturbances)
    load.join()
    seconds = time.monotonic() - begun

    parts, codes = {}, []
    if len(NODES) > 1:
        parts, code = partitions(cluster, instances, disturbances)
        codes.append(code)

    # Long after the last failure no event may come twice, and none may need a second request.
    upstream.wait_for({event for part in parts.values() for one in part[0] for event in one.acknowledged}, 180)
    time.sleep(Disturbances.AFTERWARDS)
    calm = Load("calm", instances.ports, CALM)
    calm.join()

    loads = [first, load, calm] + [one for part in parts.values() for one in part[0]]
    acknowledged = {event: id for one in loads for event, id in one.acknowledged.items()}
    missing = upstream.wait_for(set(acknowledged), 180)
    time.sleep(1)
    codes += [instances.stop(n) for n in INSTANCES]

    by_event = collections.defaultdict(list)
    for delivery in upstream.deliveries:
        by_event[delivery.event].append(delivery)
    again = {event: all for event, all in by_event.items() if len(all) > 1}
    unexplained = [
        f"{event}: {later.at - one.at:.3f} s later, try {one.attempt}, then {later.attempt}" for event, all in again.items()
        for one, later in zip(all, all[1:]) if not disturbances.explain(one.connected, later.at)]
    rows = [
        ("events acknowledged", len(acknowledged)),
        ("events delivered", len(by_event)),
        ("acknowledged and lost", len(missing)),
        ("sent again after an acknowledgement, or twice at once", sum(one.repeated for one in loads)),
        ("requests without an acknowledgement, which were sent again", sum(one.failures() for one in loads)),
        ("delivered more than once", len(again)),
        ("of these without anything that has failed", len(unexplained)),
        ("events in a second, with all that failed", round(EVENTS / seconds)),
    ]
    for title, (_, meanwhile, others_meanwhile, back) in parts.items():
        rows += [
            (f"NATS server {title}: acknowledged by its instance meanwhile", len(meanwhile)),
            (f"NATS server {title}: acknowledged by the others meanwhile", others_meanwhile),
            (f"NATS server {title}: seconds until the instance went on", round(back, 1)),
        ]
    print()
    for title, value in rows:
        print(f"{title:68} {value:>9}")
    print()

    failed = 0

    def expect(title, bad):
        nonlocal failed
        bad = list(bad)
        print(f"{'ok   ' if not bad else 'FAIL '} {title}: {len(bad)}")
        for example in bad[:3]:
            print(f"        {example}")
        failed += bool(bad)

    expect("acknowledged events that were lost", sorted(missing))
    expect("events delivered again without anything that has failed", unexplained)
    expect("events with a changed body", (event for event, all in by_event.items() if not all[0].intact))
    keys = {event: {(one.key, one.event_id) for one in all} for event, all in by_event.items()}
    expect("events with more than one Idempotency-Key or id", (item for item in keys.items() if len(item[1]) > 1))
    expect("events that two instances gave two ids", (text for one in loads for text in one.other_ids))
    expect("events delivered with another id than the acknowledged one",
           (event for event, id in acknowledged.items() if event in keys and id not in {given for _, given in keys[event]}))
    expect("events that no instance acknowledged in time",
           (event for one in (first, load, calm, *(part[0][1] for part in parts.values())) for event in one.given_up))
    for title, (_, meanwhile, others_meanwhile, _) in parts.items():
        expect(f"acknowledged while the NATS server was {title}", meanwhile)
        expect(f"no event acknowledged by the others while it was {title}", [] if others_meanwhile else ["none"])
    expect("requests without an acknowledgement while nothing fails",
           (text for channels in calm.channels for sender in channels.senders for text in sender.failures))
    expect("answers other than 200, 202 and 503", (text for one in loads for text in one.refused()))
    expect("panics and dead letters in the logs",
           (line.strip() for n in INSTANCES for line in instances.log(n) if "panicked" in line or "dead_lettered" in line))
    expect("exit codes after SIGTERM", (code for code in codes if code))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

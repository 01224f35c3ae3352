"""Attacks by clients without a certificate that is admitted."""
import time

from net import SOURCES, connect, context, hold, secured, source


def half_open(run):
    return hold(run.end, 10_000, lambda number: connect(run.port, source(number)))


def slow_hello(run):
    def opened(number):
        one = connect(run.port, source(number))
        one.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        return one
    return hold(run.end, 2000, opened, b"\0")


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

"""Attacks over HTTP/1.1 by a client that is admitted."""
from net import context, hold, secured, source

HEAD = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n"


def slow_head(run):
    tls = context(run.certs, "client-rsa")
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.send(HEAD + b"X: ")
        return one
    return hold(run.end, 400, opened, b"x")


def slow_body(run):
    tls = context(run.certs, "client-rsa")
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.send(HEAD + b"Content-Length: 200000\r\n\r\n")
        return one
    return hold(run.end, 400, opened, b"x")


def slow_reader(run):
    tls, request = context(run.certs, "client-rsa"), HEAD + b"Content-Length: 0\r\n\r\n"
    def opened(number):
        reader = secured(tls, run.port, source(number))
        reader.send(request * 200)
        return reader
    return hold(run.end, 200, opened, request * 50)


def idle(run):
    """Connections without a request, whose client has brought 45 KB of certificates along that lead nowhere."""
    tls = context(run.certs, "long-chain")
    return hold(run.end, 1000, lambda number: secured(tls, run.port, source(number)))


def slow_requests(run):
    """As many requests as one identity may have under way, and as an upstream may have, all of them never answered."""
    tls = context(run.certs, "client-rsa")
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.send(b"POST /hooks/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        return one
    return hold(run.end, 256, opened)

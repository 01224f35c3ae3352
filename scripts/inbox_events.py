"""Senders of events, and an upstream that records them, for tests of clawgate's inbox.

Each event has an id of its own, which is also its `Idempotency-Key`, and a body that follows from the id. A sender sends
an event again until it is acknowledged.
"""

import collections
import http.client
import json
import random
import socket
import socketserver
import ssl
import threading
import time
import typing


def body_of(event):
    """What the body of an event must be, byte for byte."""
    size = random.Random(event).choice((40, 300, 2048, 2048, 20000))
    text = (event + " ") * (size // (len(event) + 1) + 1)
    return json.dumps({"id": event, "text": text[:size]}).encode()


Delivery = collections.namedtuple("Delivery", "event path connected at key event_id attempt intact")


class Upstream:
    """An upstream on loopback. Records each request when it has answered with 200, at most `slowest` seconds later."""

    def __init__(self, slowest=0.0):
        self.deliveries = []
        self.lock = threading.Lock()
        self.slowest = slowest
        self.connections = set()
        self.listen(0)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def listen(self, port):
        upstream = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                upstream.serve(self.request, time.monotonic(), upstream.slowest)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 1024

        self.server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def down(self):
        """Ends all connections, and accepts none until `up`."""
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            open_ones = list(self.connections)
        for connection in open_ones:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def up(self):
        self.listen(self.server.server_address[1])

    def serve(self, connection, connected, slowest):
        with self.lock:
            self.connections.add(connection)
        try:
            self.answer(connection, connected, slowest)
        finally:
            with self.lock:
                self.connections.discard(connection)

    def answer(self, connection, connected, slowest):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        try:
            while True:
                while (end := buffer.find(b"\r\n\r\n")) < 0:
                    if not (piece := connection.recv(65536)):
                        return
                    buffer += piece
                first, *lines = buffer[:end].decode("latin-1").split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                length = int(fields.get("content-length", 0))
                while len(buffer) < end + 4 + length:
                    if not (piece := connection.recv(65536)):
                        return
                    buffer += piece
                body, buffer = buffer[end + 4 : end + 4 + length], buffer[end + 4 + length :]
                event = json.loads(body)["id"]
                delivery = Delivery(
                    event, first.split(" ")[1], connected, time.monotonic(), fields.get("idempotency-key"),
                    fields.get("x-clawgate-event-id"), fields.get("x-clawgate-attempt"), body == body_of(event))
                if slowest:
                    time.sleep(random.uniform(0, slowest))
                with self.lock:
                    self.deliveries.append(delivery)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}')
        except (ConnectionError, ValueError):
            return

    def events(self):
        with self.lock:
            return {delivery.event for delivery in self.deliveries}

    def wait_for(self, events, seconds):
        """Waits until all of them have arrived; returns those that have not."""
        deadline = time.monotonic() + seconds
        while (missing := events - self.events()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return missing


def identifier(text):
    """The identifier of the request in clawgate's answer (RFC 9457)."""
    try:
        return json.loads(text)["id"]
    except (ValueError, KeyError, TypeError):
        return ""


def client_context(certs):
    tls = ssl.create_default_context(cafile=f"{certs}/ca.pem")
    tls.load_cert_chain(f"{certs}/client.pem", f"{certs}/client.key")
    return tls


class Failure(typing.NamedTuple):
    """A request that was not acknowledged, though the event may be accepted later."""

    event: str
    what: str
    # The identifier that the answer has, with which clawgate's log says why.
    id: str = ""

    def __str__(self):
        return f"{self.event}: {self.what}"


class Sender(threading.Thread):
    """Sends one event after the other to one path, each until it is acknowledged, with a pause between two tries.

    `keep` says whether a connection is used for more than one event. Without `start` it sends only what `send` is called for.
    Afterwards:
    * `acknowledged`: the id that clawgate has given to each event
    * `failures`: requests without an answer or with 503 (`Failure`), which were sent again; without a crash each is a fault
    * `refused`: other answers that do not acknowledge the event
    * `duplicates`: how many events clawgate knew already
    * `longest`: the longest time from a request to its answer, in seconds"""

    def __init__(self, name, certs, address, path, keep=True, pause=0.02, start=True):
        super().__init__(daemon=True)
        self.label, self.path, self.keep, self.pause = name, path, keep, pause
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.tls = client_context(certs)
        self.enough = threading.Event()
        self.acknowledged = {}
        self.refused = []
        self.failures = []
        self.duplicates = 0
        self.longest = 0.0
        self.connection = None
        if start:
            self.start()

    def run(self):
        number = 0
        while not self.enough.is_set():
            number += 1
            event = f"{self.label}-{number:06}"
            while not self.send(event):
                time.sleep(self.pause)

    def connect(self):
        raw = socket.create_connection((self.host, self.port), 20)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        connection.sock = self.tls.wrap_socket(raw, server_hostname="localhost")
        return connection

    def send(self, event):
        """Sends it once; says whether this is done with. An answer such as 400 is: it would come again."""
        reused = self.connection is not None
        try:
            self.connection = self.connection or self.connect()
            headers = {"Host": "localhost", "Idempotency-Key": event, "Content-Type": "application/json"}
            body, begun = body_of(event), time.monotonic()
            self.connection.request("POST", self.path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
            self.longest = max(self.longest, time.monotonic() - begun)
            if not self.keep or answer.headers.get("Connection", "").lower() == "close":
                self.connection.close()
                self.connection = None
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            # An idle connection may be closed at any time (RFC 9112 section 9.3.1).
            if not (reused and isinstance(error, (http.client.RemoteDisconnected, ConnectionError))):
                self.failures.append(Failure(event, repr(error)))
            return False
        if answer.status == 503:
            self.failures.append(Failure(event, f"503 {text[:200]!r}", identifier(text)))
            return False
        if answer.status not in (200, 202):
            self.refused.append(f"{event}: {answer.status} {text[:200]!r}")
            return True
        answer = json.loads(text)
        self.duplicates += answer["status"] == "duplicate"
        self.acknowledged[event] = answer["id"]
        return True


def stop(senders):
    """Lets each of them finish its event."""
    for sender in senders:
        sender.enough.set()
    for sender in senders:
        sender.join(60)

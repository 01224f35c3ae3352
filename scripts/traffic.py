"""Clients that send requests to clawgate and count the results, and an upstream for it.

usage: traffic.py upstream PORT
       traffic.py load CERTS HOST:PORT

Both run until their standard input ends. `upstream` prints each path when it is called, and answers /hooks/hold after two
seconds. `load` calls clawgate over new and over kept connections and prints the results; exit code 1 if a request was
lost.
"""

import http.client
import http.server
import socket
import ssl
import sys
import threading

CLIENTS = 8


class Upstream(http.server.BaseHTTPRequestHandler):
    """Counts requests. Delays the answer to /hold until `release` is set, or for `longest` seconds."""

    protocol_version = "HTTP/1.1"
    arrived = 0
    lock = threading.Lock()
    release = threading.Event()
    longest = 20
    on_request = staticmethod(lambda path: None)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with Upstream.lock:
            Upstream.arrived += 1
        Upstream.on_request(self.path)
        if self.path.endswith("/hold"):
            Upstream.release.wait(Upstream.longest)
        self.send_response(200)
        self.send_header("Content-Length", "11")
        self.end_headers()
        self.wfile.write(b'{"ok":true}')

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def upstream(port=0):
    """Starts an upstream on loopback; returns its URL."""
    server = Server(("127.0.0.1", port), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def context(certs):
    tls = ssl.create_default_context(cafile=f"{certs}/ca.pem")
    tls.load_cert_chain(f"{certs}/client.pem", f"{certs}/client.key")
    return tls


class Load:
    """Clients that send one request on each of their connections, or several (`keep`)."""

    def __init__(self, certs, address, keep):
        self.host, self.port = address.rsplit(":", 1)
        self.keep = keep
        self.tls = context(certs)
        self.stop_event = threading.Event()
        self.lock = threading.Lock()
        self.answered = self.retried = 0
        self.failed = []
        self.threads = [threading.Thread(target=self.send) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def connect(self):
        raw = socket.create_connection((self.host, int(self.port)), 20)
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=20)
        connection.sock = self.tls.wrap_socket(raw, server_hostname="localhost")
        return connection

    def request(self, connection):
        connection.request("POST", "/hooks/wake", b"{}", {"Host": "localhost"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or body != b'{"ok":true}':
            raise OSError(f"{answer.status} {body!r}")
        return answer.headers.get("Connection", "").lower() != "close"

    def send(self):
        connection = None
        while not self.stop_event.is_set():
            reused = connection is not None
            try:
                connection = connection or self.connect()
                open_still = self.request(connection)
                with self.lock:
                    self.answered += 1
                if not (self.keep and open_still):
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                connection = None
                with self.lock:
                    # An idle connection may be closed at any time (RFC 9112 section 9.3.1); the client
                    # sends the request again on a new one.
                    if reused and isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                        self.retried += 1
                    else:
                        self.failed.append(repr(error))

    def end(self):
        self.stop_event.set()
        for thread in self.threads:
            thread.join()


def main():
    if sys.argv[1] == "upstream":
        Upstream.longest = 2
        Upstream.on_request = staticmethod(lambda path: print(path, flush=True))
        upstream(int(sys.argv[2]))
        sys.stdin.read()
        return
    loads = [Load(sys.argv[2], sys.argv[3], keep) for keep in (False, True)]
    sys.stdin.read()
    for load in loads:
        load.end()
    failed = [failure for load in loads for failure in load.failed]
    print(f"{sum(load.answered for load in loads)} requests served, {len(failed)} failed "
          f"({sum(load.retried for load in loads)} sent again)")
    for failure in failed[:3]:
        print(f"  {failure}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

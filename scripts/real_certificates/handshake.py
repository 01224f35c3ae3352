"""A real handshake with a running clawgate, and a request if it admits the client."""
import http.client
import json
import selectors
import ssl
import subprocess

SECONDS = 10


def verdict(clawgate, settings, chain, key):
    """`admitted`, the reason in clawgate's log, or `settings` if it does not start; None if Python cannot use the key."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        tls.load_cert_chain(chain, key)
    except ssl.SSLError:
        return None
    arguments = [clawgate.binary, "run", *settings, "--listen", "127.0.0.1:0", "--admin", "off", "--upstream", "echo:",
                 "--workers", "1", "--log-format", "json"]
    process = subprocess.Popen([str(word) for word in arguments], bufsize=0, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        started = event(process, "started")
        if started is None:
            return "settings"
        port = int(started["listen"][0].rsplit(":", 1)[1])
        try:
            status = request(port, tls)
            return "admitted" if status == 200 else f"status {status}"
        except (OSError, http.client.HTTPException):
            return event(process, "handshake_failed")["reason"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def request(port, tls):
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=SECONDS)
    try:
        connection.request("POST", "/hooks/test", b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


def event(process, name):
    """The next line of the log with this event; None if the log ends before."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(SECONDS):
            line = process.stdout.readline()
            if not line:
                return None
            found = json.loads(line)
            if found["event"] == name:
                return found
    raise SystemExit(f"no event {name} within {SECONDS} s")

"""The measurements of client-errors.sh: clawgate refuses clients of many kinds, and this records what each shows.

usage: client_errors.py CLAWGATE FOLDER CLIENTS; FOLDER has certificates and the built clients
"""

import atexit
import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time

BIN, FOLDER, CLIENTS = sys.argv[1:]
CERTS = f"{FOLDER}/certs"
# A refusal over TLS 1.3 arrives while the client sends its request, so runs may differ.
RUNS = 2
# The longest time of a call, in seconds.
LONGEST = 30
# Lines that wget prints whether or not it is refused.
CHATTER = ("--", "Loaded CA", "Resolving", "Connecting", "HTTP request sent", "Saving to", "Giving up", "0K")
KINDS = ["curl", "wget", "requests", "node https", "node fetch", "Go", "Java"]

SETTINGS = """
listen.address = "127.0.0.1:0"
admin.address = "127.0.0.1:0"
[tls]
certificate = "{certs}/server.pem"
private_key = "{certs}/server.key"
[clients]
ca = "{certs}/ca.pem"
crl = "{certs}/crl.pem"
deny = ["cn=meeting-notes-rsa"]
allow = ["any"]
refuse_with = "{refuse_with}"
[log]
format = "json"
repeat_window = "off"
[limits]
{limits}
[upstream]
url = "echo:"
[[route]]
path = "/hooks/"
[[route]]
path = "/hooks/staff"
allow = ["cn=somebody-else"]
[[route]]
path = "/hooks/down"
upstream = "http://127.0.0.1:1"
"""


class Clawgate:
    """A running clawgate and its log."""

    def __init__(self, name, refuse_with="alert", limits=""):
        self.is_slow = "request_rate" in limits
        config = f"{FOLDER}/{name}.toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(certs=CERTS, refuse_with=refuse_with, limits=limits))
        self.log = f"{FOLDER}/{name}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([BIN, "run", "--config", config], stdout=log)
        # Also if this program fails.
        atexit.register(self.process.kill)
        started = self.wait_for(0, lambda event: event["event"] == "started")
        self.port = started["listen"][0].rsplit(":", 1)[1]

    def lines(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def wait_for(self, start, wanted):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if found := [event for event in self.lines()[start:] if wanted(event)]:
                return found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        sys.exit(f"no such event in {self.log}; the last is {self.lines()[-1:]}")


def command(kind, version, ca, name, method, url, length):
    """The command that calls `url` as a client with the certificate `name`, if any."""
    cert, key = (f"{CERTS}/{name}.pem", f"{CERTS}/{name}.key") if name else ("", "")
    plain = ["/bin/false"]
    body = f"{FOLDER}/body-{length}"
    with open(body, "wb") as file:
        file.write(b" " * length)
    if kind == "curl":
        plain = ["curl", "-q", "-sS", "--noproxy", "*", "-X", method, f"--tlsv{version}", "--tls-max", version,
                 "-w", "\nHTTP %{http_code}"]
        plain += ["--data-binary", f"@{body}"] if method == "POST" else []
        plain += ["--cacert", ca] if ca else []
        plain += ["--cert", cert, "--key", key] if name else []
        return plain + [url]
    if kind == "wget":
        plain = ["wget", "--no-config", "--no-proxy", "-O", "-", "--tries=1", "--content-on-error",
                 f"--secure-protocol=TLSv{version.replace('.', '_')}", f"--method={method}"]
        plain += [f"--body-file={body}"] if method == "POST" else []
        plain += [f"--ca-certificate={ca}"] if ca else []
        plain += [f"--certificate={cert}", f"--private-key={key}"] if name else []
        return plain + [url]
    if kind == "Java":
        store = f"{CERTS}/{name}.p12" if name else ""
        if name and not os.path.exists(store):
            subprocess.run(["openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-out", store, "-passout",
                            "pass:password"], check=True)
        return ["java", "-XX:TieredStopAtLevel=1", "-cp", FOLDER, "Client", version, ca, store, method, url, str(length)]
    program = {"requests": ["python3", "-B", f"{CLIENTS}/requests_client.py"], "node https": ["node", f"{CLIENTS}/https.mjs"],
               "node fetch": ["node", f"{CLIENTS}/fetch.mjs"], "Go": [f"{FOLDER}/client"]}[kind]
    return program + [version, ca, cert, key, method, url, str(length)]


def shown(kind, *arguments):
    """The output of the client in one line, without text that differs in every run."""
    environment = dict(os.environ, UNDICI=f"{FOLDER}/undici", NODE_NO_WARNINGS="1", LC_ALL="C.UTF-8")
    try:
        done = subprocess.run(command(kind, *arguments), capture_output=True, text=True, timeout=LONGEST, env=environment)
    except subprocess.TimeoutExpired:
        return f"nothing within {LONGEST} s"
    text = (done.stdout + "\n" + done.stderr).replace("HTTP 000", "")
    answer = re.search(r'"reason":"(\w+)"', text)
    status = re.search(r"HTTP (\d{3})|ERROR (\d{3})", text)
    if answer and status:
        return f"{status[1] or status[2]}, `{answer[1]}` in the body"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "wget":
        lines = [line for line in lines if not line.startswith(CHATTER)]
    # A program's name, ports, addresses of objects, identifiers of threads, times.
    line = "; ".join(lines)
    line = re.sub(r"(localhost|127\.0\.0\.1|::1|port[ =]|port=)(\]?:?)\d{2,5}", r"\1\2<port>", line)
    line = re.sub(r"0x[0-9a-f]{6,}", "0x…", line)
    line = re.sub(r"\b[0-9A-F]{12,16}:error", "…:error", line)
    line = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?", "<time>", line)
    line = re.sub(r"\.\./deps/openssl\S*?:\d+:", "…:", line)
    line = re.sub(r"_ssl\.c:\d+", "_ssl.c:<line>", line)
    # Text that is the same for every failure.
    line = re.sub(r"HTTPS?ConnectionPool\(.*?\(Caused by", "… (Caused by", line)
    line = line.partition("; More details here: https://curl.se")[0]
    return line or f"nothing (exit code {done.returncode})"


def measured(clawgate, *arguments):
    """The outputs of some runs, and the reasons in the log."""
    texts, reasons = [], []
    for _ in range(RUNS):
        start = len(clawgate.lines())
        text = shown(*arguments)
        # A client that rejects the certificate may complete the handshake first.
        is_end = lambda event: event["event"] == "connection_unused" or event.get("reason")
        event = clawgate.wait_for(start, is_end)
        reason = event.get("reason", event["event"])
        texts += [text] if text not in texts else []
        reasons += [reason] if reason not in reasons else []
    return " or ".join(texts), reasons


def cell(text):
    if "` in the body" in text:
        return text
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def tls_table(title, clawgates, ca, name, url="https://localhost:{port}/hooks/wake"):
    """A refusal in the handshake, for each client: as an alert with both versions, and over HTTP."""
    print(f"### {title}\n")
    print("| client | shown with TLS 1.3 | shown with TLS 1.2 | with `refuse_with = \"http\"` | `reason` in the log |")
    print("| --- | --- | --- | --- | --- |")
    for kind in KINDS:
        cells, logged = [], []
        for clawgate, version in ((clawgates[0], "1.3"), (clawgates[0], "1.2"), (clawgates[1], "1.3")):
            text, reasons = measured(clawgate, kind, version, ca, name, "POST", url.format(port=clawgate.port), 2)
            if not cells or cells[0] != cell(text) or clawgate is clawgates[1]:
                cells.append(cell(text))
            else:
                cells.append("the same")
            logged += [reason for reason in reasons if reason not in logged]
        print(f"| {kind} | {' | '.join(cells)} | {', '.join(f'`{reason}`' for reason in logged)} |")
    print()


@contextlib.contextmanager
def busy(clawgate):
    """Meanwhile the same client uses up its request limit."""
    context = ssl.create_default_context(cafile=f"{CERTS}/ca.pem")
    context.load_cert_chain(f"{CERTS}/client.pem", f"{CERTS}/client.key")
    enough, used_up = threading.Event(), threading.Event()

    def send():
        connection = http.client.HTTPSConnection("localhost", int(clawgate.port), context=context)
        while not enough.wait(0.002):
            connection.request("POST", "/hooks/wake", b"{}")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 429:
                used_up.set()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        used_up.wait(10)
        yield
    finally:
        enough.set()
        thread.join()


def http_table(cases):
    """Refused requests: a row for each client, a column for each of `cases` (title, clawgate, method, path, bytes of the body)."""
    print(f"| client | {' | '.join(title for title, *_ in cases)} |")
    print(f"| --- |{' --- |' * len(cases)}")
    for kind in KINDS:
        cells = []
        for _, clawgate, method, path, length in cases:
            with busy(clawgate) if clawgate.is_slow else contextlib.nullcontext():
                url = f"https://localhost:{clawgate.port}{path}"
                text, _ = measured(clawgate, kind, "1.3", f"{CERTS}/ca.pem", "client", method, url, length)
            cells.append(cell(text).removesuffix(" in the body"))
        print(f"| {kind} | {' | '.join(cells)} |")


def version_of(*words):
    done = subprocess.run(words, capture_output=True, text=True, env=dict(os.environ, UNDICI=f"{FOLDER}/undici"))
    return (done.stdout + done.stderr).splitlines()[0].strip()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ca = f"{CERTS}/ca.pem"
    clawgates = [Clawgate("alert"), Clawgate("http", "http")]
    slow = Clawgate("slow", limits="request_rate = 1\nrequest_burst = 1")
    undici = json.load(open(f"{FOLDER}/undici/node_modules/undici/package.json", encoding="utf-8"))["version"]
    wget = version_of("wget", "--version")
    requests = version_of("python3", "-c", "import requests, ssl; print(requests.__version__, 'with', ssl.OPENSSL_VERSION)")
    print(f"Measured with {version_of('curl', '--version').split(' (')[0]} ({re.search(r'OpenSSL/[0-9.]+', version_of('curl', '--version'))[0]}), "
          f"{wget.split(' built')[0]} (GnuTLS), requests {requests}, Node {version_of('node', '--version')}, undici {undici}, "
          f"{version_of('go', 'version').split(' linux')[0]}, Java {version_of('java', '--version')}.\n"
          "Each call was made twice; if the results differ, both are shown with `or` between them. `…` and `<…>` stand for text that differs in every run.\n")
    print("## Refused in the handshake\n")
    tls_table("No certificate is configured", clawgates, ca, None)
    tls_table("The certificate is of a CA that clawgate does not know", clawgates, ca, "other-ca")
    tls_table("The client does not send its intermediate", clawgates, ca, "no-intermediate")
    tls_table("The certificate has expired", clawgates, ca, "expired")
    tls_table("The certificate is revoked", clawgates, ca, "revoked")
    tls_table("The certificate is not for clients (extended key usage)", clawgates, ca, "server-auth-only")
    tls_table("The rules do not admit the client", clawgates, ca, "client-rsa")
    tls_table("The client does not trust clawgate's certificate", clawgates, "", "client")
    tls_table("`http://` instead of `https://`", clawgates, ca, "client", "http://localhost:{port}/hooks/wake")
    print("## Refused as a request\n")
    print("These calls use TLS 1.3. All get the status and the body with the `reason`, except for bodies that are much too large.\n")
    http_table([
        ("the route's rules do not match", clawgates[0], "POST", "/hooks/staff", 2),
        ("no route", clawgates[0], "POST", "/elsewhere", 2),
        ("GET instead of POST", clawgates[0], "GET", "/hooks/wake", 0),
        ("300 KiB of at most 256", clawgates[0], "POST", "/hooks/wake", 300 * 1024),
        ("8 MiB", clawgates[0], "POST", "/hooks/wake", 8 << 20),
        ("too many requests", slow, "POST", "/hooks/wake", 2),
        ("the upstream is not running", clawgates[0], "POST", "/hooks/down", 2),
    ])


if __name__ == "__main__":
    main()

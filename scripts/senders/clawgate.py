"""A running clawgate with a route for each webhook sender."""

import http.client
import json
import socket
import ssl
import subprocess
import time
from urllib.parse import urlsplit

from signing import Failure

SETTINGS = """\
[listen]
address = ["127.0.0.1:0"]
signed_address = ["127.0.0.1:{port}"]
public_url = "https://localhost:{port}"

[tls]
certificate = ["{certs}/server.pem"]
private_key = ["{certs}/server.key"]

[clients]
ca = ["{certs}/ca.pem"]

[upstream]
url = "{openclaw}"
token_file = "{token}"

[admin]
address = "off"

[log]
format = "json"

# It needs a certificate, so there must be no way to it from the signed address.
[[route]]
path = "/hooks/certificate"
"""


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.text = response.read().decode()
        self.json = parsed(self.text)

    def reason(self):
        return self.json.get("reason") if isinstance(self.json, dict) else None

    def __str__(self):
        return f"{self.status} {self.reason() or ' '.join(self.text.split())[:100]}".strip()


class Clawgate:
    def __init__(self, program, folder, certs, openclaw, token, senders):
        self.folder = folder
        self.log = folder / "clawgate.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base = f"https://localhost:{self.port}"
        self.context = ssl.create_default_context(cafile=certs / "ca.pem")
        settings = SETTINGS.format(port=self.port, certs=certs, openclaw=openclaw, token=token)
        routes = [self.route(number, sender) for number, sender in enumerate(senders)]
        (folder / "clawgate.toml").write_text(settings + "".join(routes))
        with self.log.open("wb") as log:
            command = [program, "run", "--config", folder / "clawgate.toml"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def route(self, number, sender):
        # The newer key first, as while a key is replaced.
        files = [self.folder / f"key-{number}-{name}" for name in ("next", "current")]
        for file, content in zip(files, reversed(sender.key_files)):
            file.write_text(f"{content}\n")
            file.chmod(0o600)
        route = {"path": sender.path, "authenticate": "signature"}
        if sender.upstream:
            route["upstream"] = sender.upstream
        verify = {**sender.settings, sender.key_setting: [str(file) for file in files]}
        return f"\n[[route]]\n{toml(route)}[route.verify]\n{toml(verify)}"

    def wait_until_started(self):
        deadline = time.monotonic() + 20
        while '"event":"started"' not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"clawgate did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def post(self, source, url, headers, body):
        """Sends it from 127.SOURCE.0.1."""
        target = urlsplit(url)
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=30, context=self.context, source_address=(f"127.{source}.0.1", 0)
        )
        try:
            connection.request("POST", f"{target.path}?{target.query}".rstrip("?"), body.encode(), headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()


def parsed(text):
    """The value of JSON; None if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def toml(values):
    # Strings and lists of strings are written alike in JSON and TOML.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())

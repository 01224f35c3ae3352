"""The proxy under attack: started anew for each attack, so that each is measured by itself."""
import json
import pathlib
import subprocess
import time


class Proxy:
    """A running clawgate with these settings (TOML), and so many files that it may have open."""

    def __init__(self, binary, certs, settings, workers, files):
        self.folder = certs
        self.log = certs / "log"
        config = certs / "clawgate.toml"
        config.write_text(settings)
        arguments = ["run", "--config", config, "--cert", certs / "server.pem", "--key", certs / "server.key",
                     "--client-ca", certs / "ca.pem", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                     "--workers", workers, "--log-format", "json"]
        limited = ["prlimit", f"--nofile={files}:{files}", binary, *arguments]
        self.process = subprocess.Popen([str(word) for word in limited], stdout=self.log.open("w"))
        started = self._started()
        self.port = int(started["listen"][0].rsplit(":", 1)[1])
        self.admin_port = int(started["admin"].rsplit(":", 1)[1])
        self.rest_mib = self._status("VmRSS")

    def _started(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for line in self.log.read_text().splitlines():
                event = json.loads(line)
                if event["event"] == "started":
                    return event
            time.sleep(0.05)
        self.stop()
        raise SystemExit(f"the proxy did not start:\n{self.log.read_text()}")

    def _status(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024

    def grown_mib(self):
        """How much more memory than at rest the proxy had at its peak."""
        return self._status("VmHWM") - self.rest_mib

    def log_mib(self):
        return self.log.stat().st_size / 1024 / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()

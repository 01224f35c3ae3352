"""nats-servers on loopback, of which one can be killed, and cut off from the others."""

import asyncio
import collections
import json
import multiprocessing
import re
import signal
import socket
import subprocess
import urllib.request

from inbox_checks import start

NATS_SETTINGS = """
server_name: "n{number}"
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{monitoring}"
jetstream {{ store_dir: "{folder}/streams-{number}", max_file_store: 4GB{sync} }}
"""

CLUSTER_SETTINGS = """
cluster {{
  name: clawgate
  listen: "127.0.0.1:{route}"
  advertise: "127.0.0.1:{proxy}"
  routes: [{routes}]
}}
"""


def free_ports(count):
    """Ports that nothing uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Proxies:
    """Carries the connections between the servers, in a process of its own, and cuts a server off from the others.

    Servers tell each other their addresses, so each address is that of one proxy, whoever connects to it. Who that is, it says
    itself: `"server_name":"n0"`."""

    def __init__(self, routes):
        """`routes`: (listening port, target port) of each node"""
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(routes, theirs), daemon=True)
        self.process.start()
        self.pipe.recv()

    def cut(self, node):
        self.pipe.send(node)
        self.pipe.recv()

    def heal(self):
        self.cut(None)

    @staticmethod
    def run(routes, pipe):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(Proxies.serve(routes, pipe))

    @staticmethod
    async def serve(routes, pipe):
        cut_off = [None]
        writers = collections.defaultdict(set)

        async def copy(reader, writer, learn=None):
            begin = b""
            try:
                while piece := await reader.read(65536):
                    if learn:
                        begin += piece
                        if name := re.search(rb'"server_name":"n(\d)"', begin):
                            learn(int(name.group(1)))
                            learn = None
                    writer.write(piece)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.close()

        def carry(target, node):
            async def connected(reader, writer):
                try:
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
                except OSError:
                    writer.transport.abort()
                    return
                pair, ends = {writer, far_writer}, set()

                def learn(end):
                    ends.add(end)
                    writers[end] |= pair
                    if cut_off[0] == end:
                        for one in pair:
                            one.transport.abort()

                learn(node)
                await asyncio.gather(copy(reader, far_writer, learn), copy(far_reader, writer))
                for end in ends:
                    writers[end] -= pair

            return connected

        for node, (listening, target) in enumerate(routes):
            await asyncio.start_server(carry(target, node), "127.0.0.1", listening)
        pipe.send("ready")
        loop = asyncio.get_running_loop()
        while True:
            try:
                cut_off[0] = await loop.run_in_executor(None, pipe.recv)
            except EOFError:
                return
            for writer in list(writers[cut_off[0]]) if cut_off[0] is not None else []:
                writer.transport.abort()
            pipe.send("done")


class Cluster:
    """The nats-servers: three, or one of a version before 2.10, since clawgate takes no cluster of these. The connections between
    them go through `Proxies`."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = tuple(int(part) for part in re.search(r"v(\d+)\.(\d+)\.(\d+)", said).groups())
        self.nodes = range(3 if self.version >= (2, 10) else 1)
        count = len(self.nodes)
        ports = free_ports(4 * count)
        self.client, self.monitoring, self.route, self.proxy = (ports[n * count : (n + 1) * count] for n in range(4))
        self.proxies = Proxies(list(zip(self.proxy, self.route)))
        # Before 2.10 a server has no setting for it.
        sync = ", sync_interval: always" if self.version >= (2, 10) else ""
        text = NATS_SETTINGS + (CLUSTER_SETTINGS if count > 1 else "")
        self.processes = {}
        for n in self.nodes:
            routes = ", ".join(f'"nats-route://127.0.0.1:{self.proxy[other]}"' for other in self.nodes if other != n)
            with open(f"{folder}/nats-{n}.conf", "w", encoding="utf-8") as file:
                file.write(text.format(
                    number=n, client=self.client[n], monitoring=self.monitoring[n], route=self.route[n],
                    proxy=self.proxy[n], routes=routes, folder=folder, sync=sync))
            self.start(n)

    def __str__(self):
        servers = "one" if len(self.nodes) == 1 else f"a cluster of {len(self.nodes)}"
        return f"nats-server {'.'.join(map(str, self.version))}, {servers}"

    def url(self, n):
        return f"nats://127.0.0.1:{self.client[n]}"

    def start(self, n):
        self.processes[n] = start([self.program, "-c", f"{self.folder}/nats-{n}.conf"], f"{self.folder}/nats-{n}.log")

    def kill(self, n):
        self.processes[n].kill()
        self.processes[n].wait()

    def routes(self, n):
        """With how many servers it is connected."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitoring[n]}/routez", timeout=5) as answer:
            return json.load(answer)["num_routes"]

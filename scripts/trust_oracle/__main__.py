"""Gives random chains to `clawgate explain` and to `openssl verify`, and prints where the results differ.

usage: trust_oracle CLAWGATE COUNT SEED [NUMBER]; with NUMBER only that chain, whose files are kept.
"""

import collections
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from chains import KEYS, random_chain
from pki import Chain, Maker

# Intended differences, see docs/certificates.md.
ON_PURPOSE = [(), ("key-id",), ("own-list",), ("key-id", "own-list")]


class Judge:
    def __init__(self, clawgate, seed, folder):
        self.clawgate, self.seed, self.folder = clawgate, seed, folder
        self.makers = {}

    def server(self):
        """Makes clawgate's own certificate, which `explain` needs but does not use here."""
        arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key " \
            "-addext subjectAltName=DNS:localhost -out server.pem"
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder, check=True, stderr=subprocess.DEVNULL)

    def write(self, chain, maker, name):
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        leaf = maker.certificate(chain.leaf)
        sent = [maker.certificate(ca) for ca in chain.sent]
        (folder / "leaf.pem").write_bytes(leaf)
        (folder / "sent.pem").write_bytes(b"".join(sent))
        (folder / "chain.pem").write_bytes(leaf + b"".join(sent))
        (folder / "configured.pem").write_bytes(b"".join(maker.certificate(ca) for ca in chain.configured))
        if chain.crls is not None:
            (folder / "crls.pem").write_bytes(b"".join(maker.crl(crl) for crl in chain.crls))
        return folder

    def by_openssl(self, chain, folder):
        """`None` if OpenSSL accepts the chain, else its error."""
        command = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "configured.pem", "-no-CApath", "-no-CAstore"]
        if chain.sent:
            command += ["-untrusted", "sent.pem"]
        is_closed = all(any(other.issued(ca) for other in chain.configured) for ca in chain.configured)
        if not is_closed or not chain.crls:
            command.append("-partial_chain")
        if chain.crls:
            # A configured CA without its issuer cannot be checked for revocation, but OpenSSL would try.
            command += ["-CRLfile", "crls.pem", "-crl_check_all" if is_closed else "-crl_check"]
        done = subprocess.run([*command, "leaf.pem"], cwd=folder, capture_output=True, text=True)
        if done.returncode == 0:
            return None
        error = re.search(r"error \d+ at \d+ depth lookup: (.*)", done.stderr)
        return error.group(1) if error else done.stderr.strip()

    def by_clawgate(self, chain, folder):
        """`None` if clawgate admits the client, else the reason."""
        command = [self.clawgate, "explain", "chain.pem", "--json", "--cert", "../server.pem", "--key", "../server.key"]
        command += ["--client-ca", "configured.pem", "--upstream", "echo:", "--allow", "any"]
        if chain.crls is not None:
            command += ["--crl-policy", "strict"]
        if chain.crls:
            command += ["--crl", "crls.pem"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode == 78:
            return "settings: " + " ".join(done.stderr.split())[:200]
        if done.returncode not in (0, 1) or not done.stdout:
            raise RuntimeError(f"{folder}: explain ends with {done.returncode}: {done.stderr}")
        said = json.loads(done.stdout)
        return None if said["verdict"] == "admitted" else said["reason"]

    def on_purpose(self, chain, maker, folder):
        """The class of an intended difference: OpenSSL accepts the chain without it."""
        number = itertools.count()
        for kinds in ON_PURPOSE:
            for way in [None, *ways(chain)]:
                if way is None and not kinds:
                    continue
                changed = (way or chain).without(kinds)
                place = self.write(changed, maker, f"{folder.name}.{next(number)}")
                if self.by_openssl(changed, place) is None:
                    return "+".join([*kinds, *(["other-way"] if way else [])])
        return None

    def judge(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        chain = random_chain(rng)
        maker = Maker(rng, KEYS)
        folder = self.write(chain, maker, str(number))
        verdicts = self.by_clawgate(chain, folder), self.by_openssl(chain, folder)
        why = self.on_purpose(chain, maker, folder) if verdicts[0] is None and verdicts[1] else None
        return number, chain, verdicts, why


def ways(chain):
    """Each path from the leaf to a configured CA, as a separate chain."""

    def climb(trail):
        for ca in chain.configured:
            if ca.issued(trail[-1]):
                above = [ca]
                for known in above:
                    above += [other for other in chain.configured if other.issued(known) and other not in above]
                yield Chain(chain.leaf, trail[1:], above, chain.crls)
        for ca in chain.sent:
            if ca.issued(trail[-1]) and ca not in trail:
                yield from climb([*trail, ca])

    return climb([chain.leaf])


def main():
    clawgate, count, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    numbers = [int(sys.argv[4])] if len(sys.argv) > 4 else range(count)
    folder = Path(tempfile.mkdtemp(prefix="trust-oracle."))
    judge = Judge(clawgate, seed, folder)
    judge.server()
    classes, bad = collections.Counter(), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, chain, (clawgate_says, openssl_says), why in pool.map(judge.judge, numbers):
            if len(numbers) == 1:
                print(f"{chain}\nclawgate: {clawgate_says}\nopenssl: {openssl_says}\nfiles: {folder / str(number)}")
            if clawgate_says is None and openssl_says is None:
                classes["both accept"] += 1
            elif clawgate_says is None:
                classes[f"only clawgate accepts, as intended: {why}" if why else "only clawgate accepts"] += 1
                if not why:
                    bad.append(f"chain {number} ({', '.join(chain.faults)}): OpenSSL says: {openssl_says}")
            elif openssl_says is None:
                classes[f"only openssl accepts: {clawgate_says.partition(': ')[0]}"] += 1
            else:
                classes["both refuse"] += 1
    for name, number in sorted(classes.items()):
        print(f"{number:6} {name}")
    if bad:
        print(f"only clawgate accepts {len(bad)} chains, without a known reason; their files are in {folder}:")
        print("\n".join(bad))
    if not bad and len(numbers) > 1:
        subprocess.run(["rm", "-r", folder], check=True)
    sys.exit(1 if bad else 0)


main()

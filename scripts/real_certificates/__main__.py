"""Gives real certificates and CRLs to clawgate and checks everything that it prints.

usage: real_certificates CLAWGATE FOLDER DEPARTURES [PART]

FOLDER has the unpacked Python packages cryptography-vectors and certifi; DEPARTURES is docs/pkits.md; PART is `facts`, `check`
or `pkits`, to run only that.
"""
import base64
import collections
import os
import pathlib
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import facts
import handshake
import pkits
from run import Clawgate, openssl

SYSTEM = pathlib.Path("/usr/share/ca-certificates")
# Files without a certificate or CRL.
OTHER_FILES = {".key", ".p12", ".eml", ".cp", ".ldif", ".schema", ".txt", ".csv", ".py", ".typed", ".json"}


class Files:
    """The settings that each run needs, and a folder for the certificates."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("server", "ca"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", self.folder / f"{name}.key",
                    "-out", self.folder / f"{name}.pem")
        self.server = ["--cert", self.folder / "server.pem", "--key", self.folder / "server.key"]
        self.settings = [*self.server, "--client-ca", self.folder / "ca.pem"]

    def write(self, number, name, text):
        """Writes a file for the item with that number, since several items are judged at the same time."""
        file = self.folder / f"{number}-{name}"
        file.write_text(text)
        return file


def sources(folder):
    """All files that may hold certificates or CRLs, each with a short name."""
    for title, root in [("cryptography", folder / "cryptography_vectors/x509"), ("certifi", folder / "certifi"), ("debian", SYSTEM)]:
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.suffix not in OTHER_FILES and "requests" not in file.parts:
                yield f"{title}/{file.relative_to(root)}", file


def certificates(file):
    """The possible certificates of a file, as PEM."""
    content = file.read_bytes()
    if b"-----BEGIN " in content:
        return re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", content, re.S)
    if file.suffix in (".crt", ".der", ".pem"):
        return [b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(content) + b"-----END CERTIFICATE-----\n"]
    return []


def each(judge, items):
    """The results of `judge(number, *item)` in the order of the items, by as many threads as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda numbered: judge(numbered[0], *numbered[1]), enumerate(items))


def judge_facts(clawgate, folder, files):
    """Compares the facts that `explain` prints for each certificate with OpenSSL's; returns the differences."""
    def judge(number, about, pem):
        ours = clawgate.explain(about, files.write(number, "one.pem", pem.decode()), *files.settings)
        return about, ours and ours.get("certificate"), facts.by_openssl(pem)

    named = ((f"{name} ({number})" if number > 1 else name, pem)
             for name, file in sources(folder) for number, pem in enumerate(certificates(file), 1))
    different, read = [], collections.Counter()
    for about, ours, theirs in each(judge, named):
        read[bool(theirs), bool(ours)] += 1
        if theirs and ours:
            ours = facts.by_clawgate(ours)
            different += [f"{about}: {key}: OpenSSL has {theirs[key]}, clawgate {ours[key]}" for key in theirs
                          if theirs[key] is not None and ours[key] != theirs[key]]
        elif theirs or ours:
            print(f"  read only by {'OpenSSL' if theirs else 'clawgate'}: {about}")
    print(f"certificates: {read[True, True]} read by both, {read[True, False]} only by OpenSSL, {read[False, True]} only by "
          f"clawgate, {read[False, False]} by neither")
    if not read[True, True]:
        different.append("no certificate was read by both")
    return different


def judge_check(clawgate, folder, files):
    """Runs `check` with each file as the client CA, as the server's certificate and as a CRL."""
    def judge(_, name, file):
        for what, settings in [
            ("client CA", [*files.server, "--client-ca", file]),
            ("server certificate", ["--cert", file, "--key", files.folder / "server.key", "--client-ca", files.folder / "ca.pem"]),
            ("CRL", [*files.settings, "--crl", file]),
        ]:
            yield what, clawgate.run(f"{name} as {what}", "check", *settings, codes=(0, 1, 78)).code

    codes = collections.Counter()
    for found in each(lambda *item: list(judge(*item)), sources(folder)):
        codes.update(found)
    for what in ("client CA", "server certificate", "CRL"):
        print(f"check, each file as {what}: {codes[what, 0]} accepted, {codes[what, 1]} accepted with checks "
              f"that fail, {codes[what, 78]} refused")
    return []


def judge_pkits(clawgate, folder, files, page):
    """Runs each test of PKITS with `explain` and in a handshake. Returns where the two differ, where the reason is wrong, and
    where the page with the departures differs from the results."""
    suite = pkits.Suite(folder / "cryptography_vectors/x509/PKITS_data")
    root = files.write(0, "root.pem", suite.root)

    def judge(number, message):
        test = suite.test(message)
        chain, crls = (files.write(number, name, "".join(pem)) for name, pem in [("chain.pem", test.chain), ("crls.pem", test.crls)])
        settings = [*files.server, "--client-ca", root, "--crl", crls, "--crl-policy", "strict"]
        explained = clawgate.explain(test.name, chain, *settings)
        verdict = (explained["reason"] or "admitted") if explained else "settings"
        key = files.write(number, "chain.key", test.key.decode())
        return test, verdict, handshake.verdict(clawgate, settings, chain, key)

    told, found, wrong, counted = pkits.departures(page), {}, [], collections.Counter()
    for test, verdict, shaken in each(judge, ((message,) for message in suite.messages())):
        counted[test.valid, verdict == "admitted"] += 1
        if test.valid != (verdict == "admitted"):
            found[test.name] = verdict
        if test.reason() not in (verdict, None):
            wrong.append(f"{test.name}: clawgate says {verdict} instead of {test.reason()}")
        if shaken not in (verdict, None):
            wrong.append(f"{test.name}: explain says {verdict}, the handshake {shaken}")
        counted["handshakes"] += shaken is not None
    print(f"PKITS: {counted[True, True]} valid chains admitted, {counted[True, False]} refused; {counted[False, False]} invalid "
          f"chains refused, {counted[False, True]} admitted; {counted['handshakes']} of them also tried in a handshake")
    for name in sorted(found.keys() | told.keys()):
        if found.get(name) != told.get(name):
            wrong.append(f"{name}: {page} says {told.get(name)}, but it was {found.get(name)}")
    return wrong


def main():
    clawgate, folder, page = Clawgate(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    part = sys.argv[4] if len(sys.argv) > 4 else ""
    wrong = []
    with tempfile.TemporaryDirectory() as place:
        files = Files(place)
        if part in ("", "facts"):
            wrong += judge_facts(clawgate, folder, files)
        if part in ("", "check"):
            wrong += judge_check(clawgate, folder, files)
        if part in ("", "pkits"):
            wrong += judge_pkits(clawgate, folder, files, page)
    wrong += clawgate.complaints
    for line in wrong:
        print(line)
    print(f"{len(wrong)} complaints" if wrong else "no complaints")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

"""Sends requests that official SDKs have signed through clawgate to OpenClaw. senders-e2e.sh starts it.

Prints a line for each SDK. Exit code 1 if a check failed.
"""

import argparse
import signal
import sys
from pathlib import Path

from checks import Checks
from clawgate import Clawgate
from signing import Failure, Sdks

HERE = Path(__file__).parent
# Seconds for all checks, so that nothing waits for ever.
LONGEST_RUN = 300
MEANINGS = """\
SDK       the SDK accepts the request, and refuses it after a byte has changed
byte      refused: a byte of the body has changed
part      refused: a time or an id in the headers has changed, or the query of a signed URL
key       refused: signed with a key that is not in the settings
stale     refused: signed an hour ago, or in an hour; `-`: the request has no time
unsigned  refused: no signature
accepted  200 from OpenClaw for each of two keys; forms: from echo:, because OpenClaw reads JSON only
replay    the same request again is answered as a duplicate, also with another id that is not signed
retry     the same event, signed anew, is answered as a duplicate; `-`: the signature covers no id
challenge the sender's test of the address is answered as the SDK does, and refused if it is not signed
once      OpenClaw has received what was accepted, unchanged, and nothing else"""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--node", required=True)
    parser.add_argument("--npm", required=True, help="folder with the SDKs from npm")
    parser.add_argument("--pypi", required=True, help="folder with the SDKs from PyPI")
    parser.add_argument("--clawgate", help="the program; without it only the SDKs are checked")
    parser.add_argument("--folder", type=Path, help="for clawgate's settings, keys and log")
    parser.add_argument("--certs", type=Path)
    parser.add_argument("--openclaw", help="OpenClaw's URL")
    parser.add_argument("--token", type=Path, help="OpenClaw's token")
    parser.add_argument("--received", type=Path, help="where OpenClaw writes what it receives")
    return parser.parse_args()


def check_sdks(senders):
    rows, failures = [["SDK", "version", "signed by", "check"]], []
    for sender in senders:
        try:
            sender.sign("https://localhost:8445").check_sdk()
            result = "ok"
        except Failure as failure:
            result = "FAIL"
            failures.append(f"{sender.title}: {failure}")
        rows.append([sender.title, sender.version, signed_by(sender), result])
    return rows, failures


def check_all(senders, clawgate, received):
    rows, failures = [], []
    for number, sender in enumerate(senders):
        checks = Checks(number, sender, clawgate, received)
        rows = rows or [["SDK", "version", "scheme", "signed by", *checks.all]]
        row = [sender.title, sender.version, sender.settings["scheme"], signed_by(sender)]
        for title, check in checks.all.items():
            try:
                row.append(check() or "ok")
            except Failure as failure:
                row.append("FAIL")
                failures.append(f"{sender.title}, {title}: {failure}")
        rows.append(row)
        print(".", end="", flush=True)
    print()
    failures += check_certificate_route(len(senders) + 1, clawgate)
    if "panicked" in clawgate.log.read_text():
        failures.append("clawgate panicked")
    return rows, failures


def check_certificate_route(source, clawgate):
    """A route for certificates is answered like a path that does not exist."""
    for path in ("/hooks/certificate", "/hooks/no-such-path"):
        answer = clawgate.post(source, clawgate.base + path, {"content-type": "application/json"}, "{}")
        if (answer.status, answer.reason()) != (404, "no_route"):
            yield f"{path} at the signed address: expected 404 no_route, not {answer}"


def signed_by(sender):
    return "SDK" if sender.signs else "docs"


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"the checks took longer than {LONGEST_RUN} s"))
    signal.alarm(LONGEST_RUN)
    processes = []
    try:
        sdks = [
            Sdks("npm", [options.node, HERE / "sdks.mjs"], {"SDKS": options.npm}),
            Sdks("PyPI", [sys.executable, "-B", HERE / "sdks.py"], {"PYTHONPATH": options.pypi}),
        ]
        processes += [registry.process for registry in sdks]
        senders = [sender for registry in sdks for sender in registry.senders()]
        if options.clawgate:
            place = (options.folder.resolve(), options.certs.resolve(), options.openclaw, options.token.resolve())
            clawgate = Clawgate(options.clawgate, *place, senders)
            processes.append(clawgate.process)
            clawgate.wait_until_started()
            rows, failures = check_all(senders, clawgate, options.received)
            print(MEANINGS, end="\n\n")
        else:
            rows, failures = check_sdks(senders)
        print_table(rows)
    except Failure as failure:
        rows, failures = [], [failure]
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    for failure in failures:
        print("FAIL", failure, file=sys.stderr)
    passed = sum(row.count("ok") for row in rows)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

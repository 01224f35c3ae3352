"""Runs programs, and checks everything that clawgate prints."""
import dataclasses
import json
import re
import subprocess

# Texts of a panic, and names of errors in libraries, which clawgate must not print.
# tests/diagnosis/plain_words/ checks the same for the errors of a running clawgate.
LIBRARY_TEXT = [
    r"panicked at",
    r"\b[A-Z][a-z]+[A-Z]\w*(?: \{|\((?!R\)))",
    r"\b(?:Some|None|Ok|Err|Vec)\b[({]",
    r"\b(?:InvalidCertificate|UnknownIssuer|BadEncoding|BadDer\w*|InvalidPurpose|UnsupportedCertVersion)\b",
    r"\b(?:UnexpectedTag|InvalidTag|InvalidLength|InvalidValue|BerError|ASN1Error|X509Error|NomError|Incomplete)\b",
    r"Parsing Error",
    r"::\w+::",
    r"\[\d+, \d+, \d+",
]


@dataclasses.dataclass
class Ran:
    code: int
    out: str
    err: str


def run(*arguments, data=None):
    """Runs a program to its end; standard input is `data`, or empty."""
    ran = subprocess.run([str(word) for word in arguments], input=data or b"", capture_output=True, check=False)
    return Ran(ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"))


def openssl(*arguments, data=None):
    return run("openssl", *arguments, data=data)


class Clawgate:
    """The clawgate under test. Everything that it prints is checked; `complaints` has the faults."""

    def __init__(self, binary):
        self.binary = binary
        self.complaints = []

    def run(self, about, *arguments, codes):
        """Runs a subcommand to its end. `about` describes the run in complaints; `codes` are the allowed exit codes."""
        ran = run(self.binary, *arguments)
        if ran.code not in codes:
            self.complaints.append(f"{about}: exit code {ran.code}: {last_line(ran.err)}")
        for text in (ran.out, ran.err):
            self.check_text(about, text)
        return ran

    def explain(self, about, file, *settings):
        """The JSON of `explain` for a certificate; None if it refuses the settings or cannot read the file."""
        text = self.run(about, "explain", file, *settings, codes=(0, 1, 78))
        ran = self.run(about, "explain", file, "--json", *settings, codes=(text.code,))
        return json.loads(ran.out) if ran.out.strip() else None

    def check_text(self, about, text):
        for pattern in LIBRARY_TEXT:
            if found := re.search(pattern, text):
                line = next(line for line in text.splitlines() if found.group(0).splitlines()[0] in line)
                self.complaints.append(f"{about}: library text {found.group(0)!r} in: {line.strip()[:200]}")


def last_line(text):
    return (text.strip().splitlines() or [""])[-1][:200]

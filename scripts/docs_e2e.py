"""The work of docs-e2e.sh: runs the shell blocks of pages, and compares their output with the pages.

usage: docs_e2e.py CLAWGATE PAGE...

CONTRIBUTING.md explains the marks of the blocks. In short, after the three backquotes:

    sh                  run in the page's shell; every command must succeed
    sh exit=N           the same, but exactly one command fails, with the exit code N
    sh server           run in a second terminal until the next such block or the end of the page, then stopped with Ctrl-C
    sh no-run: WHY      not run
    text output         the output of the block before; `…` is any text in a line, a line `…` is any number of lines
    text log            lines that the server prints, in this order, perhaps with others between them
    LANGUAGE file=NAME  is written to that file
"""

import fcntl
import functools
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

TIMEOUT = 20  # seconds until a server has started or ended, and until its lines have arrived
EXIT_TIMEOUT = 5  # seconds until all programs of a page have ended
BLOCK_TIMEOUT = 120  # seconds that a block may take
COPY = "<!-- docs-e2e: in a copy of the repository -->"
CHAPTERS = "<!-- docs-e2e: each chapter in a new folder -->"
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Wrong(Exception):
    """A page is wrong, or a mark in it is."""


class Block:
    """A fenced block: its line number, the words after the backquotes, and its text."""

    def __init__(self, line, info, text):
        self.line, self.text = line, text
        info, _, self.why_not = info.partition("no-run:")
        words = info.split() or [""]
        self.language, self.marks = words[0], words[1:]
        self.is_left_out = bool(self.why_not.strip())
        # Blocks of other languages may have marks for other tests.
        known = {"sh": r"server|exit=\d+", "text": r"output|log|\w+=.*"}.get(self.language, ".*")
        for mark in self.marks:
            if not re.fullmatch(known, mark):
                raise Wrong(f"line {line}: `{mark}` is no mark of a block `{self.language}`")

    def value(self, name, default=None):
        """The value of the mark `name=value`."""
        return next((mark.split("=", 1)[1] for mark in self.marks if mark.startswith(name + "=")), default)


def chapters_of(page):
    """The blocks of a page: one list, or one for each chapter."""
    text = open(page, encoding="utf-8").read()
    chapters, fence = [[]], None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if fence is None and line.startswith("## ") and CHAPTERS in text:
            chapters.append([])
        elif words.startswith("```") and fence is None:
            # In a list a block is indented.
            fence = (number, words[3:], [], line.index("`"))
        elif words == "```" and fence is not None:
            chapters[-1].append(Block(fence[0], fence[1], "".join(fence[2])))
            fence = None
        elif fence is not None:
            fence[2].append(line[fence[3]:] + "\n")
    if fence is not None:
        raise Wrong(f"line {fence[0]}: the block does not end")
    return COPY in text, [blocks for blocks in chapters if any(block.language == "sh" for block in blocks)]


def pattern_of(text):
    """Regular expressions for the lines of `text`, where `…` matches anything."""
    lines = []
    for line in text.splitlines():
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*".join(re.escape(part) for part in line.split("…")) + r"\n")
    return lines


def until(what, done, timeout=TIMEOUT):
    """Waits until `done` returns something true, and returns it."""
    deadline = time.monotonic() + timeout
    while not (found := done()):
        if time.monotonic() > deadline:
            raise Wrong(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(0.02)
    return found


class Server:
    """A block that runs in its own terminal."""

    def __init__(self, block, folder, environment):
        self.block, self.printed = block, ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            # With a second command bash stays the parent, and reaps a server that the page stops.
            os.execvpe("bash", ["bash", "--norc", "-c", block.text + "exit\n"], environment)
        # A wide terminal, so that lines do not wrap.
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 1000, 0, 0))
        threading.Thread(target=self.read, daemon=True).start()
        until(lambda: f"the server of line {block.line} has started\n{self.text()}", self.has_started)

    def read(self):
        try:
            while data := os.read(self.terminal, 65536):
                self.printed += data.decode(errors="replace")
        except OSError:
            pass  # On Linux reading at the end of a terminal is an error.

    def text(self):
        return ESCAPES.sub("", self.printed).replace("\r", "")

    def exit_code(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def has_started(self):
        if (code := self.exit_code()) is not None:
            raise Wrong(f"the server of line {self.block.line} ended with {code}\n{self.text()}")
        return re.search(r"\bstarted\b", self.text())

    def expect(self, block):
        pattern = re.compile(r"(?:.*\n)*?".join(pattern_of(block.text)))
        until(lambda: f"the server has printed what line {block.line} shows\n{self.text()}", lambda: pattern.search(self.text()))

    def end(self):
        """Sends Ctrl-C, unless a command of the page has already stopped the server."""
        codes = [self.exit_code()]
        if codes[-1] is None:
            os.write(self.terminal, b"\x03")
        until(lambda: f"the server ends at Ctrl-C\n{self.text()}",
              lambda: codes[-1] is not None or codes.append(self.exit_code()))
        os.close(self.terminal)
        if codes[-1] != 0:
            raise Wrong(f"the server of line {self.block.line} ended with {codes[-1]}\n{self.text()}")

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


class Shell:
    """The shell that runs the blocks of a page one after the other."""

    # Reports each failed command in one line.
    TRAP = "trap 'echo \"$? ${BASH_COMMAND//$'\\''\\n'\\''/ }\" >&9' ERR\n"

    def __init__(self, folder, environment):
        self.folder, self.scratch = folder, tempfile.mkdtemp()
        self.done, done = os.pipe()
        os.dup2(done, 9, inheritable=True)
        os.close(done)
        self.bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, cwd=folder, env=environment,
            pass_fds=(9,), start_new_session=True, text=True)
        os.close(9)
        self.say(self.TRAP)

    def say(self, commands):
        self.bash.stdin.write(commands + "\n")
        self.bash.stdin.flush()

    def where(self):
        return os.readlink(f"/proc/{self.bash.pid}/cwd")

    def run(self, block):
        """Returns the output of the commands, and the failed ones, each as `code command`."""
        script, printed = f"{self.scratch}/{block.line}.sh", f"{self.scratch}/{block.line}.out"
        with open(script, "w", encoding="utf-8") as file:
            file.write(block.text)
        self.say(f". {script} >{printed} 2>&1 </dev/null 9>&9; echo '@end' >&9")
        said, deadline = "", time.monotonic() + BLOCK_TIMEOUT
        os.set_blocking(self.done, False)
        while "@end\n" not in said:
            try:
                piece = os.read(self.done, 65536).decode()
                if not piece:
                    raise Wrong(f"line {block.line}: the shell has ended")
                said += piece
            except BlockingIOError:
                time.sleep(0.02)
            if time.monotonic() > deadline:
                raise Wrong(f"line {block.line}: takes longer than {BLOCK_TIMEOUT} s")
        with open(printed, encoding="utf-8", errors="replace") as file:
            text = ESCAPES.sub("", file.read()).replace("\r", "")
        # The last one may be the `.` command of the block itself, which fails with its last command.
        return text, [line for line in said.splitlines()[:-1] if f" . {script} " not in line]

    def running(self):
        """Programs that this shell has started and that still run."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = open(f"/proc/{entry}/stat").read().rsplit(")", 1)
            except OSError:
                continue
            # State, parent, process group, session.
            state, _, _, session = stat[1].split()[:4]
            if int(session) == self.bash.pid and int(entry) != self.bash.pid and state != "Z":
                found.append(stat[0].split("(", 1)[1])
        return found

    def close(self):
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getsid(int(entry)) == self.bash.pid:
                    os.kill(int(entry), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.bash.wait()
        os.close(self.done)
        shutil.rmtree(self.scratch)


def run_chapter(page, blocks, folder, environment):
    """Runs the blocks of a page or chapter; returns how many ran and how many were left out."""
    shell, server, printed, ran, left_out = Shell(folder, environment), None, None, 0, 0
    try:
        for block in blocks:
            if block.is_left_out:
                left_out += 1
                printed = None
            elif name := block.value("file"):
                with open(os.path.join(shell.where(), name), "w", encoding="utf-8") as file:
                    file.write(block.text)
            elif block.language == "text" and "output" in block.marks:
                if printed is None:
                    raise Wrong(f"line {block.line}: no block was run before this output")
                if not re.fullmatch("".join(pattern_of(block.text)), printed.rstrip("\n") + "\n"):
                    raise Wrong(f"line {block.line}: the page shows\n{block.text}\nbut this was printed\n{printed}")
            elif block.language == "text" and "log" in block.marks:
                if server is None:
                    raise Wrong(f"line {block.line}: no server runs")
                server.expect(block)
            elif block.language == "sh" and "server" in block.marks:
                if server:
                    server.end()
                server = None
                server = Server(block, shell.where(), environment)
                print(f"ok    {page}:{block.line} (runs on)", flush=True)
                ran += 1
            elif block.language == "sh":
                started = time.monotonic()
                printed, failed = shell.run(block)
                wanted = block.value("exit")
                if [line.split(" ", 1)[0] for line in failed] != ([wanted] if wanted else []):
                    raise Wrong(f"line {block.line}: {', '.join(failed) or 'nothing'} failed, "
                                f"wanted is {'exit code ' + wanted if wanted else 'nothing'}\n{printed}")
                print(f"ok    {page}:{block.line} ({time.monotonic() - started:.1f} s)", flush=True)
                ran += 1
        if server:
            server.end()
            server = None
        until(lambda: f"all that was started has ended: {' '.join(shell.running())}", lambda: not shell.running(), EXIT_TIMEOUT)
        return ran, left_out
    finally:
        if server:
            server.kill()
        shell.close()


def is_free(port):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def copy_repository(folder):
    """Copies the files that a clone of the working tree would have."""
    names = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "cp", "--parents", "-P", "-t", folder], input=names, check=True)


def wrapper(path, binary):
    """Writes a `clawgate` that hides CLAWGATE_BIN, which is for the scripts and not a setting."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nunset CLAWGATE_BIN\nexec "{binary}" "$@"\n')
    os.chmod(path, 0o755)


def run_page(page, binary, programs):
    """Runs one page; returns how many blocks ran and how many were left out."""
    in_copy, chapters = chapters_of(page)
    text = "".join(block.text for blocks in chapters for block in blocks if block.language == "sh")
    ports = {int(port) for port in re.findall(r":(\d{4,5})\b", text) if int(port) < 65536}
    if "clawgate" in text:
        ports |= {8443, 9443}
    all_free = functools.partial(until, f"the ports {sorted(ports)} are free", lambda: all(map(is_free, ports)))
    all_free()
    totals = [0, 0]
    for blocks in chapters:
        with tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", LC_ALL="C.UTF-8", TERM="xterm")
            environment.update(no_proxy="localhost,127.0.0.1", NO_PROXY="localhost,127.0.0.1")
            if in_copy:
                copy_repository(folder)
                wrapper(f"{folder}/target/debug/clawgate", binary)
                # The scripts use this binary instead of building one.
                environment["CLAWGATE_BIN"] = binary
            ran, left_out = run_chapter(page, blocks, folder, environment)
            totals = [totals[0] + ran, totals[1] + left_out]
        all_free()
    return totals


def main():
    binary, pages = os.path.abspath(sys.argv[1]), sys.argv[2:]
    wrong, totals = 0, [0, 0]
    with tempfile.TemporaryDirectory() as programs:
        wrapper(f"{programs}/clawgate", binary)
        for page in pages:
            try:
                ran, left_out = run_page(page, binary, programs)
                totals = [totals[0] + ran, totals[1] + left_out]
            except Wrong as error:
                wrong += 1
                print(f"FAIL  {page}: {error}", flush=True)
    print(f"{totals[0]} blocks run, {totals[1]} left out with a reason, {wrong} pages wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares how long builds of clawgate take to start: start_up.py CERTS N BINARY...

CERTS is a folder of gen-certs.sh. Each of N rounds runs `check`, and `run` until it listens, with every binary; every other round in
the opposite order. Prints the medians of the time on the clock and of the time on the CPU (user and system).
"""

import os
import signal
import statistics
import subprocess
import sys
import time

STARTED = b'"event":"started"'


def once(binary, certs, command):
    """Milliseconds on the clock until the command is done or listens, and on the CPU in all."""
    flags = ["--cert", f"{certs}/server.pem", "--key", f"{certs}/server.key", "--client-ca", f"{certs}/ca.pem"]
    listen = ["--listen", "127.0.0.1:0"] if command == "run" else []
    began = time.perf_counter()
    process = subprocess.Popen(
        [binary, command, *flags, *listen, "--upstream", "echo:"],
        env={"CLAWGATE_ADMIN": "off", "CLAWGATE_WORKERS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if command == "run":
        if not any(STARTED in line for line in process.stdout):
            sys.exit(f"{binary} does not start")
        took = time.perf_counter() - began
        process.send_signal(signal.SIGTERM)
    process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    if command == "check":
        took = time.perf_counter() - began
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main():
    certs, rounds, binaries = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    commands = ("check", "run")
    results = {(command, binary): [] for command in commands for binary in binaries}
    for number in range(rounds):
        for command in commands:
            for binary in binaries if number % 2 else reversed(binaries):
                results[command, binary].append(once(binary, certs, command))
    for (command, binary), times in results.items():
        clock, cpu = (statistics.median(column) for column in zip(*times))
        print(f"{command:5}  {clock:6.2f} ms  {cpu:6.2f} ms on the CPU  {os.path.getsize(binary):9} bytes  {binary}")


main()

"""Kills every process whose command line begins with a text, until a file is gone.

    keepDead.py FILE TEXT

Runs on a node of the embedded cluster. Only processes that are younger than a few seconds are looked
at again and again, so that fifty looks a second cost next to nothing: a container's process begins
as its runtime's and becomes its own within milliseconds.
"""

import os
import signal
import sys
import time

LOOK_EVERY = 0.02
SETTLED_AFTER = 5


def command_line(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def main(file: str, text: str) -> None:
    first_seen: dict[str, float] = {}
    while os.path.exists(file):
        now = time.monotonic()
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
        first_seen = {pid: first_seen.get(pid, now) for pid in pids}
        for pid, since in first_seen.items():
            if now - since < SETTLED_AFTER and command_line(pid).startswith(text):
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        time.sleep(LOOK_EVERY)


main(*sys.argv[1:])

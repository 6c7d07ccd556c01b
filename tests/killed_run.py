"""Trains the tiny system again and again in processes that are killed at random moments.

    python tests/killed_run.py OUT STEPS KILLS SEED

Prints how many processes were killed, at which steps, and what they left half written. Each child
is forked from this process, which has imported torch but computed nothing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import distributed_run as tiny
import torch

from modgan.files import PREFIX
from modgan.train import Bookkeeping, run
from modgan.train.checkpoint import latest

BOOK = Bookkeeping(log_every=5, save_every=2, last=2)


def train(out: Path, steps: int) -> None:
    """One process: goes on until it is done or killed."""
    sys.stderr = Path(os.devnull).open("w")  # the bar
    run(tiny.recipe, tiny.Settings(steps=steps), out, resume=True, book=BOOK)


def child(out: Path, steps: int) -> int:
    """Fork a process that trains; return its number."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            train(out, steps)
            status = 0
        finally:
            os._exit(status)
    return number


def saved(out: Path) -> int:
    """The last step saved; -1 where there is none."""
    last = latest(out / "checkpoints")
    return int(last.stem) if last else -1


def unfinished(out: Path) -> int:
    """How many files are half written."""
    return len(list(out.rglob(f"{PREFIX}*")))


def catch_writing(out: Path, number: int) -> None:
    """Stop the process at a moment when it writes a file."""
    late = time.monotonic() + 30
    while time.monotonic() < late:
        if unfinished(out):
            os.kill(number, signal.SIGSTOP)
            if unfinished(out):
                return
            os.kill(number, signal.SIGCONT)
        time.sleep(0.0005)


def wait(out: Path, rng: random.Random, number: int) -> None:
    """Until a random moment: soon after the start, some saved states later, or while one writes."""
    kind = rng.random()
    if kind < 0.3:
        time.sleep(rng.random() * 0.5)
        return
    goal, late = saved(out) + rng.randint(1, 8), time.monotonic() + 30
    while saved(out) < goal and time.monotonic() < late:
        time.sleep(0.001)
    if kind < 0.6:
        catch_writing(out, number)
    else:
        time.sleep(rng.random() * 0.05)


def main() -> None:
    out, steps, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(int(sys.argv[4]))
    torch.set_num_threads(1)
    reached, half, killed = [], 0, 0
    while True:
        number = child(out, steps)
        if killed < kills:
            wait(out, rng, number)
            os.kill(number, signal.SIGKILL)
        _, status = os.waitpid(number, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            reached.append(saved(out))
            half += unfinished(out)
            continue
        print(json.dumps({"killed": killed, "reached": reached, "unfinished": half}))
        sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()

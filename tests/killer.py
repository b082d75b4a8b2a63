"""Runs of this package that are killed at a chosen moment, in forked processes, which start at once.

    python -m tests.killer FOLDER writes|replacing|moments OVERRIDE...

`writes` kills a run at its every move of a file, before and after, each time in a fresh folder, and has it continued to
the end; files are written under another name and moved into place, so that it is then half there or whole. `replacing`
does the same to runs that replace a finished result; `moments` kills one run again and again at random moments until it
is done.
Prints a JSON line for every run: its folder, how often it was killed, and the rows it had recorded at the last kill.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.record import Record, read
from lkca_exp.runs.rows import read_rows

SECONDS_BETWEEN_KILLS = (0.05, 1.5)


def main() -> None:
    root, how, *overrides = sys.argv[1:]
    torch.set_num_threads(1)  # a process with threads may not be forked
    prepare(compose(overrides).config)  # packs the data: no part of this
    {"writes": at_every_move, "replacing": replacing, "moments": at_random_moments}[how](Path(root), overrides)


def replacing(root: Path, overrides: list[str]) -> None:
    assert start(root / "finished", overrides, lambda: None) == 0
    at_every_move(root, [*overrides, "force=true"], root / "finished")


def at_every_move(root: Path, overrides: list[str], beginning: Path | None = None) -> None:
    number, killed = 0, True
    while killed:
        killed = False
        for moment in ("before", "after"):
            folder = root / f"{number}-{moment}"
            if beginning is not None:
                shutil.copytree(beginning, folder)
            kills = int(start(folder, overrides, lambda n=number, m=moment: die_at_move(n, m)) == signal.SIGKILL)
            killed = killed or bool(kills)
            finish(folder, overrides, kills)
        number += 1


def at_random_moments(root: Path, overrides: list[str]) -> None:
    draw, kills = random.Random(0), 0
    while start(root, overrides, lambda: signal.setitimer(signal.ITIMER_REAL, draw.uniform(*SECONDS_BETWEEN_KILLS))):
        kills += 1
        draw.random()  # the child's draw was its own
    finish(root, overrides, kills)


def start(folder: Path, overrides: list[str], arm: Callable[[], object]) -> int:
    """Train in a child process, which `arm` may doom; returns the signal that ended it, or 0."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        arm()
        job = compose([*overrides, f"paths.runs={folder}"])
        train(run_of(job))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run itself failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def finish(folder: Path, overrides: list[str], kills: int) -> None:
    """Have the run end, and say where it is."""
    job = compose([*overrides, f"paths.runs={folder}"])
    run = run_of(job).directory
    assert not (run / "run.json").exists() or isinstance(read(run), Record), "the record is damaged"
    rows = len(read_rows(run / "metrics.jsonl")[0])
    assert start(folder, overrides, lambda: None) == 0
    print(json.dumps({"folder": str(run), "kills": kills, "rows": rows}), flush=True)


def die_at_move(number: int, moment: str) -> None:
    """Have this process kill itself at its move of that number, before or after it."""
    count = itertools.count()

    def dying(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def move_and_die(source: Path, target: Path) -> Path:
            mine = next(count) == number
            if mine and moment == "before":
                if source.suffix == ".tmp":
                    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])  # half there
                os.kill(os.getpid(), signal.SIGKILL)
            move(source, target)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return target

        return move_and_die

    Path.replace, Path.rename = dying(Path.replace), dying(Path.rename)


if __name__ == "__main__":
    main()

"""What a run costs beside its training: at its start, in the middle of a sweep, and when it is finished already.

Every figure is of real processes of `python -m lkca_exp`, with W&B offline, as a user without an account has it. They
train on the device that is measured.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from lkca_exp.bench.machine import name_of, table_of
from lkca_exp.config.job import compose
from lkca_exp.data.prepare import prepare
from lkca_exp.runs.record import read_finished, write
from lkca_exp.runs.run import Run

FEW_EPOCHS, MANY_EPOCHS = 1, 6
NUM_FINISHED, NUM_PLANNED = 200, 1000

FIRST_STEP = """
import os, sys, time
from lkca_exp.training.module import Classifier
from lkca_exp.__main__ import main

def tell(*_):
    print(time.time(), flush=True)
    os._exit(0)

Classifier.on_train_batch_end = tell
main()
"""


def run(rounds: int, device: str) -> dict[str, Any]:
    """Measure all of it, print the table, return the figures in seconds."""
    trainer = {"cpu": "trainer=cpu", "cuda": "trainer=gpu"}[device]
    prepare(compose([]).config)  # the data packed, as after any first run
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "data").symlink_to(Path("data").absolute())
        figures = {
            "first step of a fresh process": median(first_step(place, trainer) for _ in range(rounds)),
            "next job of a sweep, beside its training": next_job(place, rounds, trainer),
            **finished_jobs(place, trainer),
        }
    rows = ({"": what, "seconds": f"{seconds:.3f}"} for what, seconds in figures.items())
    Console().print(table_of(name_of(device), rows))
    return {"rounds": rounds, "seconds": figures}


def first_step(place: Path, trainer: str) -> float:
    """From the start of the process to the end of its first training step."""
    started = time.time()
    return float(_start(["-c", FIRST_STEP, "force=true", trainer], place).split()[-1]) - started


def next_job(place: Path, rounds: int, trainer: str) -> float:
    """From one job's start to the next one's, less its training: what would be left of a run without epochs."""
    jobs = [f"epochs={FEW_EPOCHS},{MANY_EPOCHS}", f"seed=range({2 * rounds})", "study=cost", trainer]
    _start(["-m", "lkca_exp", "-m", *jobs], place)
    records = map(read_finished, (place / "runs" / "cost").iterdir())
    starts = sorted(datetime.fromisoformat(record.timings.started) for record in records if record)
    seconds = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(starts)]
    # The first job of the process imports what the others find there.
    few, many = median(seconds[1 : 2 * rounds]), median(seconds[2 * rounds :])
    return few - FEW_EPOCHS * (many - few) / (MANY_EPOCHS - FEW_EPOCHS)


def finished_jobs(place: Path, trainer: str) -> dict[str, float]:
    """Sweeps and plans over results that are there: copies of one record, for other seeds."""
    study, epochs = "study=finished", f"epochs={FEW_EPOCHS}"
    job = compose([study, epochs, f"paths.runs={place / 'runs'}"])
    source = next((place / "runs" / "cost").glob("*-s0-*"))
    record = read_finished(source)
    assert record is not None
    for seed in range(NUM_FINISHED):
        run = Run(dataclasses.replace(job.config, seed=seed), job.derived)
        shutil.copytree(source, run.directory)
        config = dataclasses.asdict(run.config)
        changes: dict[str, Any] = {
            "id": run.id,
            "group": run.group,
            "study": "finished",
            "seed": seed,
            "config": config,
        }
        write(run.directory, dataclasses.replace(record, **changes))

    def seconds(*words: str) -> float:
        started = time.perf_counter()
        _start(["-m", *words, study, epochs, trainer], place)
        return time.perf_counter() - started

    one, all_of_them = (seconds("lkca_exp", "-m", f"seed=range({n})") for n in (1, NUM_FINISHED))
    return {
        "a finished run, composing included": (all_of_them - one) / (NUM_FINISHED - 1),
        f"a sweep of {NUM_FINISHED} finished runs": all_of_them,
        f"a plan of {NUM_PLANNED} runs": seconds("lkca_exp.runs", "plan", "-m", f"seed=range({NUM_PLANNED})"),
    }


def _start(words: list[str], place: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env=os.environ | {"WANDB_MODE": "offline"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout

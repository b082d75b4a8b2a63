"""What a process does for its sweep beside the runs: take a place on a GPU, watch the sweep's process, and end or begin
anew once it has lost the GPU."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from lkca_exp.config.machine import gpus
from lkca_exp.config.schema import TrainerConfig
from lkca_exp.runs.handover import Handover
from lkca_exp.runs.run import Run

log = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 0.2
SECONDS_BETWEEN_CHECKS = 1.0
SECONDS_TO_END = 5.0
MOST_LOST = 3
"""So often a sweep begins anew on a GPU that was lost."""
_places: list[FileLock] = []
"""On GPUs. A process that has begun to use a GPU keeps to it, so a place is given back when the process ends."""
_watched: set[int] = set()


def take_gpus(trainer: TrainerConfig) -> None:
    """Take a place on as many GPUs as the job has processes, and hide the others; before CUDA is initialised.

    A job of a sweep waits for it. Without one (a run by itself, an agent of W&B) it does not: it takes the emptiest GPU
    if it has a choice, and shares one if all are taken. Does nothing where the job trains on CPUs, or if this process
    has its place.
    """
    handover = Handover.received()
    if _places or trainer.accelerator == "cpu":
        return
    if handover == Handover() and len(gpus()) > trainer.devices:
        taken = _try_to_take(gpus(), trainer)
        if taken:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        return
    offered = handover.gpus
    if not offered:
        return
    if not (taken := _try_to_take(offered, trainer)):
        log.info("waiting for a place on one of %d GPUs", len(offered))
    while not taken:
        time.sleep(SECONDS_BETWEEN_TRIES)
        taken = _try_to_take(offered, trainer)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)


def _try_to_take(offered: Sequence[str], trainer: TrainerConfig) -> list[str]:
    """All GPUs that the job needs, or none, so that two jobs cannot wait for each other; the emptiest first."""
    folder = Path(tempfile.gettempdir(), f"lkca_exp-gpus-{os.getuid() if hasattr(os, 'getuid') else 'all'}")
    folder.mkdir(exist_ok=True)
    taken: list[str] = []
    for place in range(trainer.jobs_per_gpu):
        for gpu in offered:
            lock = FileLock(folder / f"{gpu}.{place}")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _places.append(lock)
            taken.append(gpu)
            if len(taken) == trainer.devices:
                return taken
    while _places:
        _places.pop().release()
    return []


def end_with_parent() -> None:
    """If this process is a worker of the sweep's process, begin to watch it; its end interrupts the run and ends this.

    joblib's workers outlive a sweep that is killed, with their memory and their place on a GPU, unless they notice.
    """
    parent = os.getppid()
    if Handover.received().pid == parent and parent not in _watched:
        _watched.add(parent)
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_CHECKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def leave_lost_gpu(run: Run) -> None:
    """After a run with which this process lost the GPU, have its sweep go on in another: a worker ends, and the sweep
    launches anew what it had left; the sweep's own process becomes a new one of the same command, without this run.

    After MOST_LOST times it ends instead, and where the same command would train all again. Does nothing outside a
    sweep, where the run's error ends the process.
    """
    sweep = Handover.received()
    if sweep.pid is None:
        return
    if sweep.pid == os.getpid() and (len(sweep.lost) >= MOST_LOST or run.config.force):
        raise SystemExit(1)
    log.info("the sweep goes on in a new process")
    logging.shutdown()
    if sweep.pid != os.getpid():
        os._exit(1)
    os.environ.update(Handover(lost=(*sweep.lost, run.id)).environment)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

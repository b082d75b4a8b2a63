"""A place on a GPU for each job of this machine, where the launcher leaves that to us.

A process that has begun to use a GPU keeps to it, so a place is taken once and given back when the process ends.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from lkca_exp.config.machine import gpus
from lkca_exp.config.schema import TrainerConfig

log = logging.getLogger(__name__)

VARIABLE = "LKCA_EXP_GPUS"
LAUNCHERS = ("JoblibLauncher", "LocalLauncher")
"""Those that show every job all GPUs of the machine, or none."""
SECONDS_BETWEEN = 0.2
_held: list[FileLock] = []


def offer_gpus(launcher: str) -> None:
    """Tell the jobs which GPUs are there to be shared, if this launcher does not give out any itself."""
    if launcher in LAUNCHERS:
        os.environ[VARIABLE] = ",".join(gpus())


def take_gpus(trainer: TrainerConfig) -> None:
    """Wait for a place on as many GPUs as the job has processes, and hide the others; before CUDA is initialised.

    Does nothing where no GPUs are offered, where the job trains on CPUs, or if this process has its place already.
    """
    offered = [name for name in os.environ.get(VARIABLE, "").split(",") if name]
    if _held or not offered or trainer.accelerator == "cpu":
        return
    told = False
    while not (taken := _try_to_take(offered, trainer)):
        if not told:
            log.info("waiting for a place on one of %d GPUs", len(offered))
            told = True
        time.sleep(SECONDS_BETWEEN)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)


def _try_to_take(offered: Sequence[str], trainer: TrainerConfig) -> list[str]:
    """All GPUs that the job needs, or none, so that two jobs cannot wait for each other; the emptiest first."""
    taken: list[str] = []
    for slot in range(trainer.jobs_per_gpu):
        for gpu in offered:
            if len(taken) < trainer.devices and _locked(gpu, slot):
                taken.append(gpu)
    if len(taken) < trainer.devices:
        while _held:
            _held.pop().release()
        return []
    return taken


def _locked(gpu: str, slot: int) -> bool:
    folder = Path(tempfile.gettempdir(), f"lkca_exp-gpus-{os.getuid() if hasattr(os, 'getuid') else 'all'}")
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / f"{gpu}.{slot}")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    _held.append(lock)
    return True

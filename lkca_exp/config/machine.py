"""What this machine has, found without torch, and how the jobs of a sweep share it."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

SECONDS_TO_LOOK = 0.2
SPINS = "10000"
"""How often a thread of OpenMP looks for work before it sleeps: often enough that it does not sleep between two
operators of a step, and seldom enough to leave the CPU to others when one of the threads has to wait for its own. GNU's
OpenMP, torch's on Linux, has 300,000 by default."""


def available_cpus() -> int:
    """CPUs that this process may use, which on a cluster are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def idle_cpus() -> int:
    """Those of them that do nothing now, at least 1. Takes 0.2 s."""
    import psutil

    used = psutil.cpu_percent(SECONDS_TO_LOOK, percpu=True)
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(used))
    return max(round(sum(1 - used[cpu] / 100 for cpu in mine if cpu < len(used))), 1)


def limit_spinning() -> None:
    """Have OpenMP's threads wait without taking the CPU from others, unless the environment says how they wait; before
    torch is imported."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def memory_bytes() -> int:
    """The memory that this process may use: the machine's, or its control group's where that has less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        if file.exists() and (limit := file.read_text().strip()).isdecimal():
            limits.append(int(limit))
    return min(limits)


def limits_address_space() -> bool:
    """Whether `ulimit -v` is set, under which V8, which draws charts, ends its process: it reserves far more than it
    takes."""
    if importlib.util.find_spec("resource") is None:  # Windows
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


@functools.cache
def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name for name in visible.split(",") if name not in ("", "-1"))
    if shutil.which("nvidia-smi") is None:
        return ()
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False).stdout
    return tuple(str(number) for number in range(sum(line.startswith("GPU ") for line in listed.splitlines())))


def jobs_at_once(trainer: DictConfig) -> int:
    """How many jobs this machine has room for side by side: as its GPUs say, or one for each CPU that was idle."""
    if _num_gpus(trainer):
        return max(_num_gpus(trainer) * trainer.jobs_per_gpu // trainer.devices, 1)
    return max(cpus_for_jobs() // trainer.devices, 1)


@functools.cache
def cpus_for_jobs() -> int:
    """The CPUs that jobs side by side share: those that were idle when this was first asked, before there were any."""
    return idle_cpus()


def cpus_per_job(trainer: DictConfig) -> int:
    """The share of the CPUs that each of so many jobs has: 1 where there are no GPUs."""
    cpus = available_cpus() if _num_gpus(trainer) else cpus_for_jobs()
    return max(cpus // jobs_at_once(trainer), 1)


def gpus_per_job(trainer: DictConfig) -> float:
    """GPUs, or the fraction of one, that a job takes; 0 where it trains on CPUs."""
    return trainer.devices / trainer.jobs_per_gpu if _num_gpus(trainer) else 0


def gpus_asked(trainer: DictConfig) -> int:
    """GPUs that a job asks a queue for, whatever this machine has."""
    return 0 if trainer.accelerator == "cpu" else trainer.devices


def register_resolvers() -> None:
    """Let the YAML of launchers say `${jobs_at_once:${trainer}}` and so on."""
    for resolver in (jobs_at_once, cpus_per_job, gpus_per_job, gpus_asked):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


def _num_gpus(trainer: DictConfig) -> int:
    return 0 if trainer.accelerator == "cpu" else len(gpus())

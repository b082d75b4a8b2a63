"""The device a run trains on: is it there, what is it, how much memory did it take."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.machine import idle_cpus
from lkca_exp.config.schema import TrainerConfig


def check_device(trainer: TrainerConfig) -> None:
    """Make sure that the devices asked for are here.

    Raises:
        ConfigError: if they are not.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if trainer.accelerator == "gpu" and gpus == 0:
        raise ConfigError(
            "trainer.accelerator", "gpu", "torch sees no GPU on this machine.", "Choose trainer=auto or trainer=cpu."
        )
    if uses_gpu(trainer) and trainer.devices > gpus:
        raise ConfigError(
            "trainer.devices", trainer.devices, f"torch sees {gpus} GPUs on this machine.", f"Give at most {gpus}."
        )


def uses_gpu(trainer: TrainerConfig) -> bool:
    """Whether this configuration trains on GPUs here."""
    return trainer.accelerator != "cpu" and torch.cuda.is_available()


def describe_device(trainer: TrainerConfig) -> dict[str, Any]:
    """What stands in the record: kind, name, number of processes, CPU threads of this process."""
    gpu = uses_gpu(trainer)
    return {
        "accelerator": "gpu" if gpu else "cpu",
        "name": torch.cuda.get_device_name() if gpu else _cpu_name(),
        "count": trainer.devices,
        "threads": torch.get_num_threads(),
    }


def choose_threads(trainer: TrainerConfig) -> None:
    """Compute with one CPU thread for each CPU that is idle now, at most as many as torch would take: one thread alone
    is faster than two that have to wait for each other beside another program. OMP_NUM_THREADS, where it is set, says
    how many; so does who starts several processes of one run."""
    if "OMP_NUM_THREADS" not in os.environ and trainer.devices == 1 and not uses_gpu(trainer):
        torch.set_num_threads(min(torch.get_num_threads(), idle_cpus()))


def take_up_threads(device: dict[str, Any]) -> None:
    """Compute with as many CPU threads as a record's `device` says: another number sums in another order."""
    if device["accelerator"] == "cpu":
        torch.set_num_threads(device["threads"])


def reset_peak_memory() -> None:
    """Start measuring the peak anew, as far as the system lets us."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak of the resident set
    except OSError:
        return


def peak_memory(trainer: TrainerConfig) -> dict[str, Any]:
    """Bytes at the peak since `reset_peak_memory`: allocated on the GPU, else resident in this process, which includes
    Python, torch and the data set."""
    if uses_gpu(trainer):
        return {"peak_bytes": torch.cuda.max_memory_allocated(), "of": "cuda"}
    try:
        status = Path("/proc/self/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return {"peak_bytes": int(kilobytes) * 1024, "of": "process"}
    except (OSError, StopIteration):
        return {}


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

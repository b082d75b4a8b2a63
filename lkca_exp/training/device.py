"""The device a run trains on: is it there, what is it, how much memory did it take."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.machine import gpus, idle_cpus
from lkca_exp.config.schema import Config, TrainerConfig


def check_device(config: Config) -> None:
    """Make sure that the devices asked for are here, and compute in what is asked for.

    Raises:
        ConfigError: if they are not, or do not.
    """
    trainer = config.trainer
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if trainer.accelerator == "gpu" and count == 0:
        raise ConfigError(
            "trainer.accelerator", "gpu", "torch sees no GPU on this machine.", "Choose trainer=auto or trainer=cpu."
        )
    if config.precision == "tf32" and not uses_gpu(trainer):
        raise ConfigError(
            "precision", "tf32", "It is a precision of GPUs, and this run would train on a CPU.", "Choose fp32 or bf16."
        )
    if uses_gpu(trainer) and trainer.devices > count:
        raise ConfigError(
            "trainer.devices", trainer.devices, f"torch sees {count} GPUs on this machine.", f"Give at most {count}."
        )


def set_up_device(config: Config) -> None:
    """Have this process compute as configured, on the GPU of its own if there are several: with TF32 or without, in
    deterministic ways or the fastest, and with no more than its share of the GPU's memory.

    Without TF32 both convolutions and matrix products are of fp32; torch's own default is TF32 for convolutions alone.
    """
    tf32, on_gpu = config.precision == "tf32", uses_gpu(config.trainer)
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    deterministic = on_gpu and config.trainer.deterministic  # on a CPU training is so anyway
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else torch refuses matrix products
    torch.use_deterministic_algorithms(deterministic)
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_per_process_memory_fraction(config.trainer.memory_share)


def uses_gpu(trainer: TrainerConfig) -> bool:
    """Whether this configuration trains on GPUs here."""
    return trainer.accelerator != "cpu" and torch.cuda.is_available()


def describe_device(trainer: TrainerConfig) -> dict[str, Any]:
    """What stands in the record: kind, name, number of processes, CPU threads of this process."""
    gpu = uses_gpu(trainer)
    return {
        "accelerator": "gpu" if gpu else "cpu",
        "name": _gpu_name(trainer) if gpu else _cpu_name(),
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


def reset_peak_memory(trainer: TrainerConfig) -> None:
    """Start measuring the peak anew, as far as the system lets us."""
    if uses_gpu(trainer):
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


def _gpu_name(trainer: TrainerConfig) -> str:
    """Of the first one. Where other processes are to compute, the driver's tool is asked: torch would take up memory
    of the GPU in this process, until it ends."""
    if trainer.devices == 1:
        return torch.cuda.get_device_name()
    query = ["nvidia-smi", f"--id={gpus()[0]}", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

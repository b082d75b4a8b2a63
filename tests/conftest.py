"""What all tests share: a command line in an empty folder."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
import torch

from lkca_exp.config.job import Job, compose


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from all tests but those that are about them (`-m gpu`): the others say what happens on a CPU."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


TINY = ["model.width=16", "model.depth=2", "data.fraction=0.3", "epochs=3", "logger=none", "trainer.progress_bar=false"]
"""Overrides of a run that takes a second, beside the imports."""


def environment(**more: str) -> dict[str, str]:
    """The environment without what would reach out of the test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HYDRA_"))}
    return kept | {"OMP_NUM_THREADS": "1"} | more


def one_after_the_other(args: Sequence[str]) -> list[str]:
    """The words of a sweep, whose jobs run in its own process unless they name a launcher."""
    chosen = "-m" not in args or any(word.startswith("hydra/launcher=") for word in args)
    return [*args] if chosen else [*args, "hydra/launcher=basic"]


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m lkca_exp` (or another module of the package) in an empty folder."""

    def run(*args: str, module: str = "lkca_exp", timeout: float = 240, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *one_after_the_other(args)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(**env), capture_output=True, text=True, timeout=timeout
        )

    return run


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Composes a job of tiny runs in an empty folder."""

    def make(*overrides: str) -> Job:
        return compose([*TINY, f"paths.runs={tmp_path / 'runs'}", *overrides])

    return make


@pytest.fixture
def in_process(tmp_path, monkeypatch, capfd) -> Callable[..., subprocess.CompletedProcess[str]]:
    """As `cli`, but in this process, which has imported torch: for what no new process has to show."""

    def run(*args: str, module: str = "lkca_exp", **env: str) -> subprocess.CompletedProcess[str]:
        command = importlib.import_module(f"lkca_exp.cli.{module.partition('.')[2] or 'train'}")
        root, handler, threads = logging.getLogger(), signal.getsignal(signal.SIGTERM), torch.get_num_threads()
        before = (root.handlers[:], root.level)
        with monkeypatch.context() as patch, warnings.catch_warnings():
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["lkca-exp", *one_after_the_other(args)])
            capfd.readouterr()
            with mock.patch.dict(os.environ, environment(**env), clear=True):
                try:
                    status = command.main() or 0
                except SystemExit as ended:
                    status = ended.code or 0
        signal.signal(signal.SIGTERM, handler)
        torch.set_num_threads(threads)
        root.handlers, root.level = before
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(args, status, out, err)

    return run

"""What all tests share: a command line in an empty folder."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lkca_exp.config.job import Job, compose

TINY = ["model.width=16", "model.depth=2", "data.fraction=0.3", "epochs=3", "logger=none", "trainer.progress_bar=false"]
"""Overrides of a run that takes a second, beside the imports."""


def environment(**more: str) -> dict[str, str]:
    """The environment without what would reach out of the test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HYDRA_"))}
    return kept | {"OMP_NUM_THREADS": "1"} | more


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m lkca_exp` (or another module of the package) in an empty folder."""

    def run(*args: str, module: str = "lkca_exp", timeout: float = 240, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *args]
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
def run_main(tmp_path, monkeypatch, capfd) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process, in an empty folder: `main` of lkca_exp.cli.train, or of another module there.
    Returns its exit status and what it says on standard error."""

    def run(*args: str, module: str = "train") -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["lkca-exp", *args])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # so that it is as before afterwards
        handler, level = signal.getsignal(signal.SIGTERM), logging.getLogger().level
        try:
            status = importlib.import_module(f"lkca_exp.cli.{module}").main() or 0
        except SystemExit as exit:
            status = exit.code
        finally:
            signal.signal(signal.SIGTERM, handler)
            logging.getLogger().setLevel(level)
        return status, capfd.readouterr().err

    return run

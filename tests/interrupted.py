"""Runs that are stopped: by Ctrl-C once a checkpoint is there, or as they lose the GPU."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.run import Run
from lkca_exp.training.checkpoints import CheckpointFiles


def stop_after(run: Run, epochs: int) -> None:
    """Train, and interrupt the run once it has written its checkpoint of so many epochs."""
    save, left = CheckpointFiles.save_checkpoint, iter(range(epochs - 1))

    def save_and_stop(files: CheckpointFiles, checkpoint: Any, path: Any, storage_options: Any = None) -> None:
        save(files, checkpoint, path)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with mock.patch.object(CheckpointFiles, "save_checkpoint", save_and_stop), pytest.raises(KeyboardInterrupt):
        train(run)


def losing_the_gpu(condition: str) -> str:
    """A `sitecustomize.py`, which every Python imports as it starts: where `condition` holds of a `run` that begins to
    train, it loses the GPU."""
    return f"""
from pathlib import Path

import torch
from lkca_exp.engine import lifecycle

fit = lifecycle.fit

def lost(*_):
    raise RuntimeError("CUDA error: an illegal memory access was encountered")

def fit_or_fail(run, *args, **kwargs):
    if {condition}:
        torch.cuda.is_initialized, torch.cuda.synchronize = lambda: True, lost
        lost()
    return fit(run, *args, **kwargs)

lifecycle.fit = fit_or_fail
"""

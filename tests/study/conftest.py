"""A study on digits in an empty checkout, with records in the places of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lkca_exp.sweep.jobs import SweepJob, jobs_of
from tests.report.conftest import write_run

NAME = "digits_compare"
README = """# Digits

**Question.** By hand.

<!-- study: runs -->
<!-- /study -->

<!-- study: answer -->
<!-- /study -->

<!-- study: table variants -->
<!-- /study -->

<!-- study: figures seeds cost-* -->
<!-- /study -->

By hand too.
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """experiments/digits_compare of a checkout that is the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = Path("experiments") / NAME
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(README)
    return folder


@pytest.fixture
def finish(home: Path) -> Callable[[], list[Path]]:
    """Puts a record where each job of the study has its run, and returns the folders."""
    return lambda: [put(one) for one in jobs_of([f"+experiment={NAME}"]).unique]


def put(one: SweepJob) -> Path:
    """A record of a finished run, where a job has it; its accuracy depends on mixer, seed and learning rate."""
    config = one.config
    mixer = config.model.mixer.name  # type: ignore[attr-defined]
    is_attention = mixer == "attention"
    top1 = (0.95 + config.seed / 200 if is_attention else 0.97 + config.seed / 100) - config.optim.lr
    cost = 2_000_000 if is_attention else 1_000_000
    settings = {"optim.lr": config.optim.lr, "optim.weight_decay": config.optim.weight_decay}
    settings |= {"data.name": config.data.name, "model.drop_path": config.model.drop_path}  # type: ignore[attr-defined]
    written = write_run(
        Path("other"),
        mixer,
        config.seed,
        top1,
        protocol=config.protocol.name,
        config=settings,
        metrics={"test/top1": top1, "val/top1": top1 - 0.01},
        model={"parameters": cost, "flops_per_image": cost},
    )
    one.directory.parent.mkdir(parents=True, exist_ok=True)
    return written.rename(one.directory)

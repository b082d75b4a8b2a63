"""A study on digits in an empty checkout, with records in the places of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lkca_exp.sweep.jobs import jobs_of
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

    def put() -> list[Path]:
        folders = []
        for one in jobs_of([f"+experiment={NAME}"]).unique:
            mixer, seed = one.job.config.model.mixer.name, one.job.config.seed  # type: ignore[attr-defined]
            top1 = {"attention": 0.95 + seed / 200, "lkca": 0.97 + seed / 100}[mixer]
            flops = {"attention": 2_000_000, "lkca": 1_000_000}[mixer]
            written = write_run(Path("other"), mixer, seed, top1, model={"parameters": flops, "flops_per_image": flops})
            one.directory.parent.mkdir(parents=True, exist_ok=True)
            folders.append(written.rename(one.directory))
        return folders

    return put

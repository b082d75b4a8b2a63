"""Short runs against stored curves: a change that is meant to leave the numbers alone leaves them alone.

On the machine that stored them they agree bit for bit (`make compare`); another processor may round differently, which
the tolerance allows for and a change of the training does not fit into. CONTRIBUTING.md tells what to do after a change
that is meant to move them.
"""

from __future__ import annotations

import pytest
import torch

from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.rows import read_rows
from tests.compare import CASES, stored
from tests.conftest import TINY


def curve(case: str, folder: str) -> list[dict]:
    """The rows of a tiny run, trained by one thread: how many there are changes the order of sums."""
    job = compose([*TINY, *CASES[case], f"paths.runs={folder}"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(run_of(job))
    finally:
        torch.set_num_threads(threads)
    return read_rows(run_of(job).directory / "metrics.jsonl")[0]


@pytest.mark.parametrize("case", CASES)
def test_stored_curves(case, tmp_path):
    ours, theirs = curve(case, str(tmp_path)), read_rows(stored(case))[0][:-1]  # the last one has the final metrics
    assert len(ours) == len(theirs) == 3
    for row, expected in zip(ours, theirs, strict=True):
        assert row["step"] == expected["step"]
        for key in ("lr", "train/loss", "val/loss"):
            assert row[key] == pytest.approx(expected[key], rel=1e-4), f"{key} of epoch {row['epoch']}"

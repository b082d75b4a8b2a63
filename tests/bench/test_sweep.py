"""The benchmark of sweeps measures real processes. No test looks at how fast anything is."""

from __future__ import annotations

import json
import math

import pytest


@pytest.mark.slow
def test_the_command(cli, tmp_path):
    done = cli("sweep", "--rounds", "1", "--json", "figures.json", module="lkca_exp.bench", timeout=600)
    assert done.returncode == 0, done.stderr
    seconds = json.loads((tmp_path / "figures.json").read_text())["seconds"]
    assert len(seconds) == 5
    between_jobs = seconds.pop("next job of a sweep, beside its training")
    assert math.isfinite(between_jobs)  # a difference of two times, which another process may turn round
    assert all(figure > 0 for figure in seconds.values())
    assert "a finished run, composing included" in done.stdout

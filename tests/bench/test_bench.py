"""The benchmark measures what it says it does. No test looks at how fast anything is."""

from __future__ import annotations

import json

import pytest

from lkca_exp.bench import op
from lkca_exp.bench.machine import matmul_peak
from lkca_exp.bench.train import bare_loop, lightning_loop, measure
from lkca_exp.data.prepare import prepare


def test_a_case(job):
    made = job("protocol=final")
    figures = measure(made, rounds=1, peak=1e11)
    assert set(figures) >= {"bare_ms_per_step", "ours_ms_per_step", "overhead_ms_per_step", "overhead_percent"}
    difference = figures["ours_ms_per_step"] - figures["bare_ms_per_step"]
    assert figures["overhead_ms_per_step"] == pytest.approx(difference)
    assert figures["ours_images_per_s"] == pytest.approx(1000 * 64 / figures["ours_ms_per_step"])


def test_the_bare_loop_trains_the_same_model(job, monkeypatch):
    """Both loops end with the same weights, so that the comparison is one of like with like."""
    made = job("protocol=final", "model.drop_path=0")
    ended = []
    from torch.optim import AdamW

    step = AdamW.step

    def remembering(self, *args, **kwargs):
        result = step(self, *args, **kwargs)
        ended.append([p.detach().clone() for group in self.param_groups for p in group["params"]])
        return result

    monkeypatch.setattr(AdamW, "step", remembering)
    data = prepare(made.config)
    bare_loop(made, data)
    bare, num_steps = ended[-1], len(ended)
    lightning_loop(made, data)
    assert len(ended) == 2 * num_steps
    assert all((a == b).all() for a, b in zip(bare, ended[-1], strict=True))


def test_the_peak_is_a_rate_of_this_machine():
    assert 1e8 < matmul_peak(side=256) < 1e15


def test_the_operators_cases():
    cases = list(op.grid_of_cases([4, 8], None, ["channel"], ["fp32"]))
    assert [(case.n, case.side, case.batch) for case in cases] == [
        *((4, side, 128) for side in (3, 5, 7)),
        *((8, side, 128) for side in (3, 5, 7, 11, 15)),
    ]


def test_a_case_of_the_operator():
    figures = op.measure(op.Case(4, 7, "head", "fp32", batch=2, compiling=False), rounds=1, peak=1e11)
    ms = figures["ms"]
    assert set(ms) == {"convolution", "toeplitz", *op.REFERENCES}
    assert figures["times_as_fast_as"]["conv2d"] == pytest.approx(ms["conv2d"] / ms[figures["auto"]])
    assert figures["auto_over_best"] >= 1
    output, gradient = (2 * 16 * 192 * 4,) * 2
    assert all(megabytes >= (output + gradient) / 1e6 for megabytes in figures["memory_mb"].values())


@pytest.mark.slow
def test_the_operators_command(cli, tmp_path):
    chosen = ["--grid", "4", "--kernel", "7", "--sharing", "channel", "--dtype", "fp32", "--rounds", "1"]
    done = cli("op", *chosen, "--json", "figures.json", module="lkca_exp.bench", timeout=600)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads((tmp_path / "figures.json").read_text())["cases"].values()
    assert "direct" in case["ms"]


@pytest.mark.slow
def test_the_command(cli, tmp_path):
    done = cli("train", "--rounds", "1", "--json", "figures.json", module="lkca_exp.bench", timeout=600)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures["cases"]) == 4
    assert "overhead" in done.stdout

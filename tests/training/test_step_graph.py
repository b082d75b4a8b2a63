"""Training whose steps are recorded, as far as a CPU shows it: an object computes where a graph would play."""

from __future__ import annotations

import json

import pytest
import torch

from lkca_exp.data.content import run_of
from lkca_exp.engine import fit
from lkca_exp.engine.lifecycle import train
from lkca_exp.training import graphed
from lkca_exp.training.step_graph import WARM_UP_STEPS, DeviceRates
from tests.interrupted import stop_after

OVERRIDES = ("model.drop_path=0.1", "augment=li2024", "optim.clip_norm=1", "optim.ema_decay=0.9")


class Played:
    """Computes the step that it was given, each time it is called."""

    calls = 0

    def __init__(self, step):
        self.step = step

    def __call__(self, *inputs):
        Played.calls += 1
        return self.step(*inputs)


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(Played, "calls", 0)
    monkeypatch.setattr(graphed, "StepGraph", Played)
    monkeypatch.setattr(fit, "_records_steps", lambda run: True)


def rows(run):
    return [json.loads(line) for line in (run.directory / "metrics.jsonl").read_text().splitlines()]


def test_a_recorded_step_is_that_of_lightning(job, recorded, monkeypatch, tmp_path):
    run = run_of(job(*OVERRIDES))
    train(run)
    assert Played.calls == rows(run)[-1]["step"] - WARM_UP_STEPS
    with monkeypatch.context() as patch:
        patch.setattr(fit, "_records_steps", lambda run: False)
        usual = run_of(job(*OVERRIDES, f"paths.runs={tmp_path / 'usual'}"))
        train(usual)
    for ours, theirs in zip(rows(run), rows(usual), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)  # a rate that lies on the device is in single precision


def test_a_run_that_is_killed_and_continued_ends_with_the_same_bits(job, recorded, tmp_path):
    whole = run_of(job(*OVERRIDES))
    train(whole)
    parted = run_of(job(*OVERRIDES, f"paths.runs={tmp_path / 'parted'}"))
    stop_after(parted, epochs=1)
    train(parted)
    assert rows(parted) == rows(whole)


def test_rates_are_plain_numbers_but_for_a_step():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.5, fused=True)
    rates = DeviceRates(optimizer)
    optimizer.param_groups[0]["lr"] = 0.25
    rates.update()
    with rates.used():
        assert torch.equal(optimizer.param_groups[0]["lr"], torch.tensor(0.25))
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert optimizer.param_groups[0]["capturable"] is False

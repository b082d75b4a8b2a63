"""What a model costs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lkca_exp.analysis import efficiency
from lkca_exp.analysis.efficiency import activation_bytes, measure, static
from lkca_exp.cli.analysis import main


def test_costs_without_a_clock(job):
    as_matrix, as_convolution = (static(job(f"model.mixer.view={view}")) for view in ("attention", "convolution"))
    assert as_matrix.parameters == as_convolution.parameters == 3964
    assert as_matrix.flops_as_convolution == as_convolution.flops_as_convolution == as_convolution.flops
    # 2 layers of 16 channels and 16 tokens: N x N numbers a channel against K x K
    assert as_convolution.flops - as_matrix.flops == 2 * 2 * 16 * 16 * (7 * 7 - 16)


def test_what_backward_needs_is_counted_once():
    model = nn.Sequential(nn.Linear(10, 20, bias=False), nn.ReLU(), nn.Linear(20, 5, bias=False))
    images = torch.randn(4, 10)
    assert activation_bytes(model, images) == 4 * 4 * (10 + 20), "the input, and what ReLU gives to the last layer"


def test_rates_at_every_batch_size(job, monkeypatch):
    monkeypatch.setattr(efficiency, "SECONDS_A_ROUND", 0.02)
    first, second = measure([job(), job("model/mixer=attention")], [1, 4], rounds=1)
    for cost in (first, second):
        assert cost.train_images_per_s.keys() == cost.test_images_per_s.keys() == {1, 4}
        assert min(*cost.train_images_per_s.values(), *cost.test_images_per_s.values()) > 0
        assert cost.train_latency_ms[4] == pytest.approx(4000 / cost.train_images_per_s[4]), "one number on a CPU"
    assert first.parameters != second.parameters


def test_steps_are_waited_for_one_by_one_or_many_at_a_time(monkeypatch):
    monkeypatch.setattr(efficiency, "SECONDS_A_ROUND", 0.0)
    done = []
    for at_a_time in (1, 3):
        efficiency.steps_per_s(lambda: done.append("step"), lambda: done.append("wait"), at_a_time)
    assert done == ["step", "wait", *["step"] * 3, "wait"]


def test_the_command(tmp_path, capsys):
    args = ["efficiency", "model.width=16", "model.depth=1", "model/mixer=attention,lkca", "seed=0,1"]
    main([*args, "--rounds", "1", "--batch-sizes", "2", "--json", str(tmp_path / "costs.json")])
    output = capsys.readouterr().out
    assert "model/mixer=attention" in output
    assert "inference, images/s, batch 2" in output
    assert (tmp_path / "costs.json").read_text().count('"parameters"') == 2, "seeds are no other models"
    with pytest.raises(SystemExit) as ended:
        main(["efficiency", "model.width=x"])
    assert ended.value.code == 2

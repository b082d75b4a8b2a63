"""The moving average of weights is torch's, to the bit, but for what torch reads from the device."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lkca_exp.training.moving_average import MovingAverage


def test_it_is_that_of_torch():
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7))  # whose buffers are of floats and of whole numbers
    ours = MovingAverage(model, 0.9)
    torchs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for step in range(1, 6):
        model(torch.randn(8, 5))
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter))
        ours.update(model, first=step == 1)
        torchs.update_parameters(model)
        theirs = torchs.state_dict()
        assert list(theirs) == list(ours.state_dict()), "checkpoints are as they were"
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs[name]), name


def test_it_reads_nothing_back(monkeypatch):
    model = nn.Linear(3, 3)
    average = MovingAverage(model, 0.9)
    for read in ("__bool__", "item", "tolist"):
        monkeypatch.setattr(torch.Tensor, read, lambda *_: pytest.fail("it waits for the device"))
    average.update(model, first=True)
    average.update(model, first=False)

"""Which parameters decay, and that the optimiser does what AdamW says."""

from __future__ import annotations

import copy

import pytest
import torch

from lkca_exp.config.schema import OptimConfig
from lkca_exp.models.build import build_model, no_weight_decay
from lkca_exp.training.optim import build_optimizer


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
def test_only_weights_decay(job, mixer):
    made = job(f"model/mixer={mixer}")
    model = build_model(made.config.model, made.derived)
    optimizer = build_optimizer(model, OptimConfig(weight_decay=0.05), no_weight_decay(model))
    decaying, others = optimizer.param_groups
    assert decaying["weight_decay"] == 0.05
    assert others["weight_decay"] == 0
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert len(decaying["params"]) + len(others["params"]) == len(names)
    spared = {names[id(parameter)] for parameter in others["params"]}
    assert all(name.endswith("bias") or "norm" in name or name == "positions.embedding" for name in spared)
    assert {names[id(parameter)] for parameter in decaying["params"]} == set(names.values()) - spared
    assert all(parameter.ndim > 1 for parameter in decaying["params"])


def test_all_parameters_may_decay(job):
    made = job()
    model = build_model(made.config.model, made.derived)
    optim = OptimConfig(weight_decay=0.05, weight_decay_on="all")
    (group,) = build_optimizer(model, optim, no_weight_decay(model)).param_groups
    assert group["weight_decay"] == 0.05
    assert len(group["params"]) == len(list(model.parameters()))


def test_one_step_is_adamw(job):
    made = job()
    model = build_model(made.config.model, made.derived)
    before = copy.deepcopy(model)
    optim = OptimConfig(lr=0.01, weight_decay=0.1, beta1=0.8, beta2=0.9)
    optimizer = build_optimizer(model, optim, no_weight_decay(model))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    spared = no_weight_decay(model)
    for (name, new), old in zip(model.named_parameters(), before.parameters(), strict=True):
        decayed = old * (1 - 0.01 * (0 if name in spared else 0.1))
        expected = decayed - 0.01 * new.grad / (new.grad.abs() + 1e-8)  # after one step both means are the gradient's
        assert torch.allclose(new, expected, atol=1e-5), name

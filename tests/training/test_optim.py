"""Which parameters decay, and that the optimiser does what AdamW says."""

from __future__ import annotations

import copy

import pytest
import torch
from timm.optim import list_optimizers
from torch import nn

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import AdamwConfig, TimmOptimConfig
from lkca_exp.config.timm_names import timm_optimizers
from lkca_exp.models.build import build_model, no_weight_decay
from lkca_exp.training.optim import build_optimizer, check_optimizer


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
def test_only_weights_decay(job, mixer):
    made = job(f"model/mixer={mixer}")
    model = build_model(made.config.model, made.derived)
    optimizer = build_optimizer(model, AdamwConfig(weight_decay=0.05), no_weight_decay(model))
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
    optim = AdamwConfig(weight_decay=0.05, weight_decay_on="all")
    (group,) = build_optimizer(model, optim, no_weight_decay(model)).param_groups
    assert group["weight_decay"] == 0.05
    assert len(group["params"]) == len(list(model.parameters()))


def test_one_step_is_adamw(job):
    made = job()
    model = build_model(made.config.model, made.derived)
    before = copy.deepcopy(model)
    optim = AdamwConfig(lr=0.01, weight_decay=0.1, beta1=0.8, beta2=0.9)
    optimizer = build_optimizer(model, optim, no_weight_decay(model))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    spared = no_weight_decay(model)
    for (name, new), old in zip(model.named_parameters(), before.parameters(), strict=True):
        decayed = old * (1 - 0.01 * (0 if name in spared else 0.1))
        expected = decayed - 0.01 * new.grad / (new.grad.abs() + 1e-8)  # after one step both means are the gradient's
        assert torch.allclose(new, expected, atol=1e-5), name


COMMON = {"sgd", "lion", "muon", "adamw", "lamb"}


def test_names_are_those_of_timm():
    assert timm_optimizers() <= set(list_optimizers())
    assert timm_optimizers() >= COMMON


@pytest.mark.parametrize(
    "name",
    [name if name in COMMON else pytest.param(name, marks=pytest.mark.slow) for name in sorted(timm_optimizers())],
)
def test_every_optimiser_of_timm_learns_and_continues(name):
    optim = TimmOptimConfig(name=name, lr=1e-2, weight_decay=0.05)
    images = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))

    def begin() -> tuple[nn.Module, torch.optim.Optimizer]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
            return model, build_optimizer(model, optim, {"1.weight", "1.bias"})

    def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            optimizer.zero_grad()
            (model(images) - 1).square().mean().backward()
            optimizer.step()

    through, first, second = begin(), begin(), begin()
    before = first[0][0].weight.clone()
    for _ in range(3):
        step(*through)
    for _ in range(2):
        step(*first)
    assert not torch.equal(first[0][0].weight, before)
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_dict(first[1].state_dict())
    step(*second)
    for name, value in through[0].state_dict().items():
        assert torch.equal(second[0].state_dict()[name], value), name
    spared = [group for group in first[1].param_groups if group["weight_decay"] == 0]
    assert sum(len(group["params"]) for group in spared) == 2


def test_options_reach_timm_and_wrong_ones_are_refused():
    optim = TimmOptimConfig(name="sgd", options={"momentum": 0.7})
    assert build_optimizer(nn.Linear(1, 1), optim, ()).param_groups[0]["momentum"] == 0.7
    with pytest.raises(ConfigError, match="betaz"):
        check_optimizer(TimmOptimConfig(name="lion", options={"betaz": 1}))

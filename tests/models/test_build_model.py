"""From settings to a model, and what it is said to cost, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import GROUP_SCHEMAS, VitConfig
from lkca_exp.models.build import build_model, choose_backend, flops_per_image, no_weight_decay, use_backend
from lkca_exp.models.mixers.attention import Attention
from lkca_exp.models.mixers.lkca import Lkca
from lkca_exp.models.vit import VisionTransformer

Describe = Callable[..., tuple[VitConfig, VitDerived]]
WIDTH, MLP_WIDTH, DEPTH, PATCH, CLASSES = 24, 48, 2, 4, 10


def flops_outside_mixers(num_tokens: int) -> int:
    """Two for each multiplication with its addition. The 16 patches have 4 pixels; the head reads one token."""
    mlp = 2 * 2 * num_tokens * WIDTH * MLP_WIDTH
    return 2 * 16 * PATCH * WIDTH + DEPTH * mlp + 2 * WIDTH * CLASSES


def last_mixer(settings: VitConfig, derived: VitDerived) -> nn.Module:
    model = build_model(settings, derived)
    assert isinstance(model, VisionTransformer)
    return model.blocks[-1].get_submodule("mixer")


@pytest.mark.parametrize(
    ("mixer", "options", "model", "num_tokens", "mixing"),
    [
        # qkv and output projections, then Q K^T and its product with V
        ("attention", {}, {}, 16, 2 * 4 * 16 * WIDTH**2 + 2 * 2 * 16 * 16 * WIDTH),
        ("attention", {}, {"pooling": "class_token"}, 17, 2 * 4 * 17 * WIDTH**2 + 2 * 2 * 17 * 17 * WIDTH),
        ("lkca_depthwise", {"view": "attention"}, {}, 16, 2 * 16 * 16 * WIDTH),
        ("lkca_depthwise", {"view": "convolution"}, {}, 16, 2 * 16 * 49 * WIDTH),
        ("lkca_depthwise", {"view": "convolution", "kernel_size": 3}, {}, 16, 2 * 16 * 9 * WIDTH),
        ("lkca_depthwise", {"view": "attention", "sharing": "all"}, {}, 16, 2 * 16 * 16 * WIDTH),
        ("lkca_depthwise", {"view": "attention", "sharing": "head"}, {}, 16, 2 * 16 * 16 * WIDTH),
        ("lkca", {"view": "attention"}, {}, 16, 2 * 2 * 16 * WIDTH**2 + 2 * 16 * 16 * WIDTH),
        ("lkca", {"view": "convolution"}, {}, 16, 2 * 2 * 16 * WIDTH**2 + 2 * 16 * 49 * WIDTH),
        ("lkca_gated", {"view": "attention"}, {}, 16, 2 * 3 * 16 * WIDTH**2 + 2 * 16 * 16 * WIDTH),
        ("locality_attention", {}, {}, 16, 2 * 4 * 16 * WIDTH**2 + 2 * 2 * 16 * 16 * WIDTH),
        ("relative_attention", {}, {}, 16, 2 * 4 * 16 * WIDTH**2 + 2 * 2 * 16 * 16 * WIDTH),
        ("pooling", {}, {}, 16, 0),  # neither products nor convolutions
        ("identity", {}, {}, 16, 0),
    ],
)
def test_flops_by_hand(
    mixer: str, options: dict[str, Any], model: dict[str, Any], num_tokens: int, mixing: int, describe: Describe
) -> None:
    settings, derived = describe(mixer, options, **model)
    counted = flops_per_image(build_model(settings, derived), derived)
    assert counted == flops_outside_mixers(num_tokens) + DEPTH * mixing


@pytest.mark.parametrize("mixer", GROUP_SCHEMAS["model/mixer"])
def test_counting_flops_leaves_no_trace(mixer: str, describe: Describe) -> None:
    settings, derived = describe(mixer, drop_path=0.5)
    model = build_model(settings, derived).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    flops_per_image(model, derived)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    model(torch.zeros(1, 1, 8, 8)).sum().backward()


def test_attention_is_built_as_configured(describe: Describe) -> None:
    mixer = last_mixer(*describe("attention", {"num_heads": 6}))
    assert isinstance(mixer, Attention)
    assert (mixer.num_heads, mixer.grid) == (6, (4, 4))


@pytest.mark.parametrize(
    ("name", "options", "kernel_shape", "view", "projected"),
    [
        ("lkca", {}, (1, 7, 7), "auto", True),
        ("lkca", {"projections": False, "view": "convolution"}, (1, 7, 7), "convolution", False),
        ("lkca", {"sharing": "head", "num_heads": 6}, (6, 7, 7), "auto", True),
        ("lkca_depthwise", {}, (24, 7, 7), "auto", False),
        ("lkca_depthwise", {"kernel_size": 3, "view": "attention"}, (24, 3, 3), "attention", False),
    ],
)
def test_lkca_is_built_as_configured(
    name: str, options: dict[str, Any], kernel_shape: tuple[int, ...], view: str, projected: bool, describe: Describe
) -> None:
    mixer = last_mixer(*describe(name, options))
    assert isinstance(mixer, Lkca)
    assert (mixer.kernel.shape, mixer.view, mixer.grid) == (kernel_shape, view, (4, 4))
    assert isinstance(mixer.value, torch.nn.Linear) is isinstance(mixer.output, torch.nn.Linear) is projected


@pytest.mark.parametrize(("init", "low", "high"), [("uniform", 0.14, 1 / 7), ("normal", 0.06, 0.12)])
def test_lkcas_init_is_built_as_configured(init: str, low: float, high: float, describe: Describe) -> None:
    mixer = last_mixer(*describe("lkca_depthwise", {"init": init}))
    assert isinstance(mixer, Lkca)
    assert low < mixer.kernel.abs().max() <= high


@pytest.mark.parametrize(("compiler", "backend"), [(True, "direct"), (False, "toeplitz")])
def test_the_backend_depends_on_a_compiler(
    compiler: bool, backend: str, describe: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lkca_exp.models.large_kernel.direct.works", lambda: compiler)
    assert choose_backend(*describe("lkca_depthwise"), 64, torch.float32, "cpu") == backend


def test_a_chosen_backend_is_used(describe: Describe) -> None:
    model = build_model(*describe("lkca"))
    use_backend(model, "convolution")
    assert [module.backend for module in model.modules() if isinstance(module, Lkca)] == ["convolution"] * 2


def test_weight_decay_spares_all_but_weights(describe: Describe) -> None:
    model = build_model(*describe("lkca", depth=1))
    decayed = {name for name, _ in model.named_parameters()} - no_weight_decay(model)
    assert decayed == {
        "patch_embed.projection.weight",
        "blocks.0.mixer.kernel",
        "blocks.0.mixer.value.weight",
        "blocks.0.mixer.output.weight",
        "blocks.0.mlp.expand.weight",
        "blocks.0.mlp.reduce.weight",
        "head.weight",
    }


def test_weight_decay_spares_positions_and_class_token(describe: Describe) -> None:
    model = build_model(*describe("attention", pooling="class_token"))
    assert {"positions.embedding", "class_token", "blocks.1.mixer.qkv.bias", "norm.weight"} <= no_weight_decay(model)
    assert no_weight_decay(model) <= {name for name, _ in model.named_parameters()}


def test_weight_decay_spares_the_relative_positions(describe: Describe) -> None:
    spared = no_weight_decay(build_model(*describe("relative_attention", positions="none")))
    assert "blocks.0.mixer.position_bias" in spared
    assert "blocks.0.mixer.qkv.weight" not in spared

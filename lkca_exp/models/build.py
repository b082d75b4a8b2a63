"""From a checked configuration to a model, and the two prices of a model: parameters and operations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lkca_exp.config.derive import Derived, VitDerived
from lkca_exp.config.schema import ModelConfig, TimmConfig, VitConfig
from lkca_exp.models.embeddings import EMBEDDINGS
from lkca_exp.models.mixers import MIXERS
from lkca_exp.models.mixers.lkca import Lkca
from lkca_exp.models.vit import VisionTransformer
from lkca_exp.models.zoo import build_timm_model, check_timm_model


def build_model(model: ModelConfig, derived: Derived) -> nn.Module:
    """A model with fresh weights from the global generator.

    Raises:
        ConfigError: if timm cannot build what is asked of it.
    """
    if isinstance(model, TimmConfig):
        return build_timm_model(model, derived)
    assert isinstance(model, VitConfig)
    assert isinstance(derived, VitDerived)
    return _build_vit(model, derived)


def check_buildable(model: ModelConfig, derived: Derived) -> None:
    """Raises ConfigError for a model of timm that does not fit the data set; ours have been checked without torch."""
    if isinstance(model, TimmConfig):
        check_timm_model(model, derived)


def _build_vit(model: VitConfig, derived: VitDerived) -> VisionTransformer:
    if model.mixer.name not in MIXERS:
        raise ValueError(f"model.mixer.name={model.mixer.name}: no such mixer. There is: {', '.join(MIXERS)}.")
    if model.embedding.name not in EMBEDDINGS:
        raise ValueError(f"model.embedding.name={model.embedding.name}: there is: {', '.join(EMBEDDINGS)}.")
    return VisionTransformer(
        embedding=EMBEDDINGS[model.embedding.name].from_config(model.embedding, derived),
        grid=derived.grid,
        num_classes=derived.num_classes,
        width=derived.width,
        depth=derived.depth,
        mlp_ratio=derived.mlp_ratio,
        positions=model.positions,
        pooling=model.pooling,
        mlp_residual=model.mlp_residual,
        drop_path=model.drop_path,
        make_mixer=lambda: MIXERS[model.mixer.name].from_config(model.mixer, derived),
    )


def view_used(model: nn.Module) -> str | None:
    """How this machine computes LKCA's kernel, for the record; None for a model without one."""
    return next((module.view_used for module in model.modules() if isinstance(module, Lkca)), None)


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def flops_per_image(model: nn.Module, derived: Derived) -> int:
    """Operations of one image's forward pass in evaluation mode; a multiplication with its addition counts as two.

    Counted are matrix products and convolutions as they are run, those with padding included. So LKCA's count depends
    on its view: 2*N*N*C as a matrix, 2*N*K*K*C as a convolution. Neither the model nor a random generator is touched.
    """
    # Shapes without numbers. Nothing is computed, and attention is taken as plain products: the fused one of a CPU is
    # unknown to the counter, which would have it for free. Nor are there gradients: the counter stumbles over a view of
    # a parameter, such as an expanded class token, that asks for one and has no history.
    replica = copy.deepcopy(model).to("meta").eval().requires_grad_(False)
    image = torch.empty(1, derived.channels, derived.image_size, derived.image_size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        replica(image)
    return counter.get_total_flops()


def no_weight_decay(model: nn.Module) -> set[str]:
    """Names of the parameters that weight decay leaves alone: biases, norms, positions, class tokens, and what a model
    of timm names itself. Everything else is a weight, LKCA's kernel included."""
    spared: Callable[[], Collection[str]] = getattr(model, "no_weight_decay", tuple)
    return {name for name, parameter in model.named_parameters() if parameter.ndim <= 1 or name in spared()}

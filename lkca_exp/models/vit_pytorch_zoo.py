"""Baselines that vit-pytorch has: the families of `FAMILIES`, with fresh weights, for the images of the data set.

Difference from the package: T2T-ViT has a LayerNorm before its classifier, as in the code of LKCA's authors
(arXiv 2401.05738).
"""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from lkca_exp.config.derived import VitPytorchDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import VitPytorchConfig
from lkca_exp.config.vit_pytorch_families import FAMILIES
from lkca_exp.models.baselines import check_on_images, first_line, spare_weight_decay

NOT_DECAYED = ("pos_embedding", "cls_token", "local_rel_pos_bias.weight", ".g", ".b", ".scale", ".temperature")
"""How the names of positions, class tokens, norms and scales end: parameters that are not weights, although most have
more than one dimension."""


def build_vit_pytorch_model(model: VitPytorchConfig, derived: VitPytorchDerived) -> nn.Module:
    """The model of a family, for images and classes of the data set.

    Raises:
        ConfigError: if vit-pytorch refuses to build it so.
    """
    class_name = FAMILIES[model.family].class_name
    options = {name: _as_tuple(value) for name, value in model.options.items()}
    make = getattr(importlib.import_module(f"vit_pytorch.{model.family}"), class_name)
    try:
        network = make(**arguments_from_data(model.family, derived), **options)
    except Exception as error:  # asserts, and whatever the layers raise
        given = ", ".join(f"{name}={value}" for name, value in options.items())
        rule = f"vit-pytorch cannot build its {class_name}: {first_line(error)}"
        raise ConfigError("model.family", model.family, rule, f"model.options are {given or 'empty'}.") from error
    if model.family == "t2t":
        network.mlp_head = nn.Sequential(nn.LayerNorm(network.mlp_head.in_features), network.mlp_head)
    spare_weight_decay(network, [name for name, _ in network.named_parameters() if name.endswith(NOT_DECAYED)])
    return network


def check_vit_pytorch_model(model: VitPytorchConfig, derived: VitPytorchDerived) -> None:
    """Raises ConfigError if the model cannot be built, or does not take images of the data set to logits."""
    check_on_images(
        lambda: build_vit_pytorch_model(model, derived), derived, "model.family", model.family, "See model.options."
    )


def arguments_from_data(family: str, derived: VitPytorchDerived) -> dict[str, Any]:
    """The arguments of a family's class that follow from the data set. `local_patch_size` and `window_size` (in local
    patches) are RegionViT's, by the rule of LKCA's authors."""
    size, patch = derived.image_size, derived.patch_size
    values = {
        "num_classes": derived.num_classes,
        "channels": derived.channels,
        "image_size": (size, size) if family == "mobile_vit" else size,
        "patch_size": patch,
        "sm_patch_size": patch,
        "lg_patch_size": patch,
        "local_patch_size": patch // 2,
        "window_size": size // 8,
    }
    return {name: values[name] for name in FAMILIES[family].from_data}


def _as_tuple(value: Any) -> Any:
    """vit-pytorch tells one number from several by whether they are a tuple; YAML has lists."""
    return tuple(_as_tuple(part) for part in value) if isinstance(value, list) else value

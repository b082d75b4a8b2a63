"""Baselines that timm has: any of its models, with fresh weights, built for the size of our images."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from lkca_exp.config.derived import Derived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import TimmConfig
from lkca_exp.config.timm_names import FAMILIES
from lkca_exp.models.baselines import check_on_images, first_line, spare_weight_decay


def build_timm_model(model: TimmConfig, derived: Derived) -> nn.Module:
    """The model that timm calls `model.name`, for images and classes of the data set.

    Raises:
        ConfigError: if timm refuses to build it so.
    """
    arguments: dict[str, Any] = {"num_classes": derived.num_classes, "in_chans": derived.channels, **model.options}
    if _asks_for_the_image_size(model.name):
        arguments["img_size"] = derived.image_size
    if model.patches_per_side is not None:
        arguments["patch_size"] = derived.image_size // model.patches_per_side
        if model.name.startswith("pit_"):  # the one whose patches overlap, by a stride in pixels
            arguments.setdefault("stride", arguments["patch_size"])
    try:
        network = _create(model, arguments)
    except Exception as error:  # timm's models raise what they like
        raise _refusal(model, arguments, first_line(error)) from error
    if model.stem == "small":
        _use_small_stem(network, model.name)
    if model.positions == "learned":
        _add_positions(network, model.name)
    return network


def check_timm_model(model: TimmConfig, derived: Derived) -> None:
    """Build the model without memory for its weights and send two images without content through it.

    Raises:
        ConfigError: if it cannot be built, or does not take such images to logits.
    """
    remedy = "See model.stem, patches_per_side and options."
    check_on_images(lambda: build_timm_model(model, derived), derived, "model.name", model.name, remedy)


def _asks_for_the_image_size(name: str) -> bool:
    if name in FAMILIES:
        return "img_size" in inspect.signature(_family(name)).parameters
    import timm

    settings = timm.get_pretrained_cfg(name)
    return settings is not None and settings.fixed_input_size


def _create(model: TimmConfig, arguments: dict[str, Any]) -> nn.Module:
    """The model with stochastic depth as configured, also where timm has another default."""
    import timm

    make = _family(model.name) if model.name in FAMILIES else functools.partial(timm.create_model, model.name)
    try:
        return make(drop_path_rate=model.drop_path, **arguments)
    except TypeError as error:
        if "drop_path_rate" not in str(error) or model.drop_path > 0:
            raise
    return make(**arguments)  # one that has no stochastic depth


def _family(name: str) -> type[nn.Module]:
    return getattr(importlib.import_module(f"timm.models.{name}"), FAMILIES[name])


def _use_small_stem(network: nn.Module, name: str) -> None:
    """Keep the resolution of small images, as He et al. do for CIFAR (arXiv 1512.03385, section 4.2)."""
    stem = getattr(network, "conv1", None)
    if not isinstance(stem, nn.Conv2d) or not hasattr(network, "maxpool"):
        raise ConfigError("model.stem", "small", f"timm's {name} has no first convolution and pooling to replace.")
    network.conv1 = nn.Conv2d(stem.in_channels, stem.out_channels, 3, padding=1, bias=False, device=stem.weight.device)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")  # as timm does
    network.maxpool = nn.Identity()


class PatchPositions(nn.Module):
    """Adds a learned vector to each patch, in (B, N, C) or (B, rows, columns, C); N(0, 0.02) truncated at the start."""

    def __init__(self, num_patches: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, num_patches, width))
        nn.init.trunc_normal_(self.embedding, std=0.02)

    def forward(self, patches: Tensor) -> Tensor:
        return patches + self.embedding.unflatten(1, patches.shape[1:-1])


def _add_positions(network: nn.Module, name: str) -> None:
    """Learned positions after the patch embedding and its norm, as Swin has them with its option `ape`."""
    from timm.layers import Format, PatchEmbed

    embed = getattr(network, "patch_embed", None)
    if not isinstance(embed, PatchEmbed) or not (embed.flatten or embed.output_fmt is Format.NHWC):
        rule = f"timm's {name} has no patch embedding after which they could be added."
        raise ConfigError("model.positions", "learned", rule, "Leave model.positions=timm.")
    positions = PatchPositions(embed.num_patches, embed.proj.out_channels)
    embed.norm = nn.Sequential(OrderedDict(norm=embed.norm, positions=positions))
    spared: Collection[str] = getattr(network, "no_weight_decay", tuple)()
    spare_weight_decay(network, {*spared, "patch_embed.norm.positions.embedding"})


def _refusal(model: TimmConfig, arguments: dict[str, Any], message: str) -> ConfigError:
    """timm's message, as an error about the key that caused it."""
    if "unexpected keyword argument 'drop_path_rate'" in message:
        return ConfigError(
            "model.drop_path", model.drop_path, f"timm's {model.name} has no stochastic depth.", "Give 0."
        )
    if "unexpected keyword argument 'patch_size'" in message:
        rule = f"timm's {model.name} has no patches."
        return ConfigError("model.patches_per_side", model.patches_per_side, rule, "Leave it at null.")
    given = ", ".join(f"{key}={value}" for key, value in arguments.items())
    return ConfigError("model.name", model.name, f"timm cannot build it: {message}", f"It was given {given}.")

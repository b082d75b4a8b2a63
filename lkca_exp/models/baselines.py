"""For models of timm and of vit-pytorch: a trial before training, and names of parameters without weight decay."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection

import torch
from torch import nn

from lkca_exp.config.derived import Derived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.memory import refuse_too_large


def check_on_images(build: Callable[[], nn.Module], derived: Derived, key: str, value: str, remedy: str) -> None:
    """Build a model without memory for its weights and send two images without content through it.

    Raises:
        ConfigError: for `key` and its value, if the model does not take such images to logits, or if the machine has no
            memory for its weights; and what `build` raises.
    """
    with torch.device("meta"):
        network = build()
        images = torch.empty(2, derived.channels, derived.image_size, derived.image_size)
    refuse_too_large(key, value, 4 * sum(parameter.numel() for parameter in network.parameters()))
    try:
        logits = network(images)
    except Exception as error:
        size = f"{derived.image_size} x {derived.image_size}"
        raise ConfigError(
            key, value, f"It does not take images of {size} pixels: {first_line(error)}", remedy
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, derived.num_classes):
        raise ConfigError(key, value, "In training it answers with more than logits of the classes.")


def first_line(error: Exception) -> str:
    """The first line of an error's message, as a sentence; its type if there is no message."""
    lines = str(error).strip().splitlines()
    return f"{(lines[0] if lines else type(error).__name__).rstrip('.')}."


def spare_weight_decay(network: nn.Module, names: Collection[str]) -> None:
    """Give the model timm's method `no_weight_decay`, which names these parameters."""
    network.no_weight_decay = functools.partial(frozenset, names)  # type: ignore[assignment]

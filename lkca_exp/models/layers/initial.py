"""Initial weights that depend on the seed and on a parameter's name alone.

Equal parts of two models then start alike under one seed, whatever else the models have, and whatever order they are
built in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from lkca_exp.data.randomness import generator
from lkca_exp.models.layers.choice import check_choice

Generators = Callable[[str], torch.Generator | None]
"""The generator for a module's parameter of the given name; None stands for the global one."""

XAVIER = {"xavier_uniform": nn.init.xavier_uniform_, "xavier_normal": nn.init.xavier_normal_}


@runtime_checkable
class Drawn(Protocol):
    """A module with random parameters of its own, beside those of its parts."""

    def draw(self, generators: Generators) -> None:
        """Give them their initial values."""


def draw_weights(model: nn.Module, init: str, seed: int) -> None:
    """Give every random parameter its initial value: linear layers from Xavier's distribution (`init`: a key of XAVIER)
    with biases of 0, convolutions from He's (`kaiming_normal_`), what a module draws itself from the module's own."""
    check_choice("init", init, XAVIER)
    for path, module in model.named_modules():

        def generators(name: str, path: str = path) -> torch.Generator:
            return generator("weights", seed, f"{path}.{name}" if path else name)

        match module:
            case nn.Linear():
                XAVIER[init](module.weight, generator=generators("weight"))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            case nn.Conv2d():
                nn.init.kaiming_normal_(module.weight, generator=generators("weight"))
            case Drawn():
                module.draw(generators)


def from_global(name: str) -> None:
    """Generators for a module that is built alone: torch's global one for every parameter."""

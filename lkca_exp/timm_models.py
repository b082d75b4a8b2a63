"""The paper's models by their names in timm: after `import lkca_exp.timm_models`, `timm.create_model("lkca_b", ...)`.

Arguments are `num_classes` (10), `img_size` (32), `in_chans` (3) and `overrides`, as `lkca_exp.build_model` takes them.
There are no pretrained weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from timm.models import register_model
from torch import nn

from lkca_exp.models.named import build_model

NAMES = (
    *("lkca_05m", "lkca_t", "lkca_2m", "lkca_b", "lkca_4m", "lkca_8m", "lkca_l"),
    *("vit_05m", "vit_lite", "vit_2m", "vit_small", "vit_4m", "vit_8m"),
)


def _entry(name: str) -> Callable[..., nn.Module]:
    def create(
        pretrained: bool = False,
        num_classes: int = 10,
        img_size: int = 32,
        in_chans: int = 3,
        overrides: Sequence[str] = (),
        **timms: Any,
    ) -> nn.Module:
        if unknown := [key for key, value in timms.items() if value is not None]:
            raise TypeError(f"{name} does not take {', '.join(unknown)}.")
        if pretrained:
            raise ValueError(f"There are no pretrained weights of {name}.")
        return build_model(name, num_classes, img_size, in_chans, overrides=overrides)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"`model={name}` of lkca_exp."
    return create


for _name in NAMES:
    register_model(_entry(_name))

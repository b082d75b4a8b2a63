"""The model families of the package vit-pytorch that can be chosen, and the arguments of their classes.

Imports neither the package nor, with it, torch: a misspelt argument is refused at once.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import EllipsisType
from typing import NamedTuple


class Family(NamedTuple):
    """`from_data`: the arguments that follow from the data set. `any_channels`: whether images may be grey."""

    class_name: str
    from_data: tuple[str, ...]
    any_channels: bool


FAMILIES = {
    "t2t": Family("T2TViT", ("num_classes", "channels", "image_size"), True),
    "rvt": Family("RvT", ("num_classes", "channels", "image_size", "patch_size"), True),
    "cait": Family("CaiT", ("num_classes", "image_size", "patch_size"), False),
    "xcit": Family("XCiT", ("num_classes", "image_size", "patch_size"), False),
    "deepvit": Family("DeepViT", ("num_classes", "channels", "image_size", "patch_size"), True),
    # It has the argument `channels`, and a first convolution of three colours all the same.
    "regionvit": Family("RegionViT", ("num_classes", "channels", "window_size", "local_patch_size"), False),
    "cross_vit": Family("CrossViT", ("num_classes", "channels", "image_size", "sm_patch_size", "lg_patch_size"), True),
    "twins_svt": Family("TwinsSVT", ("num_classes",), False),
    "cvt": Family("CvT", ("num_classes", "channels"), True),
    "mobile_vit": Family("MobileViT", ("num_classes", "image_size"), False),  # `channels` are those of its layers
}
"""Module of vit_pytorch -> its class."""


@functools.cache
def arguments(family: str) -> Mapping[str, object]:
    """Argument of the family's class -> its default, or `...` where it has none; read off the package's source."""
    spec = find_spec("vit_pytorch")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).with_name(f"{family}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == FAMILIES[family].class_name:
            return _signature(
                next(f.args for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")
            )
    raise AssertionError(f"vit_pytorch.{family} has no class {FAMILIES[family].class_name}")


def _signature(given: ast.arguments) -> dict[str, object]:
    positional = [name.arg for name in given.args[1:]]  # without self
    required: list[EllipsisType] = [...] * (len(positional) - len(given.defaults))
    defaults = [*required, *map(ast.literal_eval, given.defaults)]
    defaults += [... if default is None else ast.literal_eval(default) for default in given.kw_defaults]
    return dict(zip([*positional, *(name.arg for name in given.kwonlyargs)], defaults, strict=True))

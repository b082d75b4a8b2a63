"""The names of timm's models and optimisers, without importing timm and, with it, torch: a misspelt one is answered at
once."""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from pathlib import Path

FAMILIES = {"convmixer": "ConvMixer", "mlp_mixer": "MlpMixer"}
"""Module of timm.models -> its class, for models whose sizes timm's own names fix: here `model.options` gives them."""


@functools.cache
def timm_names() -> frozenset[str]:
    """What `timm.list_models()` returns, read off the functions that timm's source registers; and our families."""
    files = _timm("models").glob("*.py")
    registered = re.compile(r"^@register_model\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
    return frozenset(FAMILIES).union(*(registered.findall(file.read_text(encoding="utf-8")) for file in files))


@functools.cache
def timm_optimizers() -> frozenset[str]:
    """Those of `timm.optim.list_optimizers()`, read off the table in timm's source, that need no other package and no
    second derivatives."""
    names = re.findall(r"""\bname=['"](\w+)['"]""", (_timm("optim") / "_optim_factory.py").read_text(encoding="utf-8"))
    return frozenset(name for name in names if not name.startswith(("bnb", "fused")) and name != "adahessian")


def _timm(folder: str) -> Path:
    spec = find_spec("timm")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name(folder)

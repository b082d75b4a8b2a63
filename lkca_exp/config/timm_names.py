"""The names of timm's models, without importing timm and, with it, torch: a misspelt one is answered at once."""

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
    spec = find_spec("timm")
    assert spec is not None
    assert spec.origin is not None
    files = Path(spec.origin).with_name("models").glob("*.py")
    registered = re.compile(r"^@register_model\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
    return frozenset(FAMILIES).union(*(registered.findall(file.read_text(encoding="utf-8")) for file in files))

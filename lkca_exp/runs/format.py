"""What all who read run folders agree on. Imports nothing of the package, so that a reader needs no more than this."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FORMAT = 1
"""Of run.json; raised when an older reader would misread it."""

RUN_FOLDER = re.compile(r"-s\d+-[0-9a-f]{8}$")
"""The end of a run folder's name."""


def short(content: str) -> str:
    """As much of a data set's content as people need to tell it from others."""
    return content[:12]


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"model": {"mixer": {"name": "lkca"}}} -> {"model.mixer.name": "lkca"}."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat

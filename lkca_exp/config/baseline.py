"""Which variants a user means by a few words, such as `attention` or `lkca kernel_size=7`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def fits(words: str, keys: Mapping[str, Any]) -> bool:
    """Whether all of the words are true of a configuration, given as dotted key -> resolved value.

    A word is `key=value`, whose key may be the last part of one, or the value of a name or a preset. Numbers may be
    given to three significant digits, as the report writes them.
    """
    split = words.split()
    return bool(split) and all(_fits(word, keys) for word in split)


def _fits(word: str, keys: Mapping[str, Any]) -> bool:
    name, equals, wanted = word.partition("=")
    if not equals:
        return any(key.endswith((".name", ".preset", ".family")) and value == word for key, value in keys.items())
    name = "." + name.replace("/", ".")
    return any(f".{key}".endswith((name, f"{name}.name")) and _same(value, wanted) for key, value in keys.items())


def _same(value: Any, wanted: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(wanted) in (value, float(f"{value:.3g}"))
        except ValueError:
            return False
    return wanted == (value if isinstance(value, str) else json.dumps(value, default=str))

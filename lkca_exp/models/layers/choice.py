"""The choices of an argument."""

from __future__ import annotations

from collections.abc import Iterable


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises ValueError unless the `value` of the argument `name` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}: no such choice. Choose one of: {', '.join(choices)}.")

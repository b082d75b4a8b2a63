"""How a key is declared: its default, its unit, the rule that a single value must keep."""

from __future__ import annotations

from dataclasses import MISSING as REQUIRED
from dataclasses import field, fields
from typing import Any

LARGEST_SEED = 2**31 - 1


def key(
    help: str,
    default: Any = REQUIRED,
    *,
    choices: tuple[str | int | bool, ...] = (),
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    result: bool = True,
    later: bool = False,
) -> Any:
    """A configuration key. `result=False` says that its value cannot change what a run computes, so that it is no part
    of the run's identity; `later=True` that there were results before there was this key, so that it is a part only
    where it is not at its default, which is what those results were made with."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    rule = {"help": help, "choices": choices, "result": result, "later": later}
    rule |= {name: bound for name, bound in bounds.items() if bound is not None}
    return field(default=default, metadata=rule)


def part(cls: type, help: str, *, result: bool = True) -> Any:
    """A nested group of keys; `result=False` holds for all of them."""
    return field(default_factory=cls, metadata={"help": help, "result": result})


def with_default(cls: type, name: str, default: Any) -> Any:
    """The key `name` of the schema `cls`, at another default."""
    rule = next(key.metadata for key in fields(cls) if key.name == name)
    return field(default=default, metadata=rule)

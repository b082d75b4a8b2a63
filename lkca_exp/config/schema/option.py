"""Where the options of the configuration are declared, once each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

GROUP_SCHEMAS: dict[str, dict[str, type]] = {
    "model": {},
    "model/mixer": {},
    "model/embedding": {},
    "optim": {},
    "protocol": {},
    "logger": {},
}
"""The groups whose options differ in their keys: option -> its schema. `option` fills it."""

T = TypeVar("T", bound=type)


@dataclass_transform()
def option(group: str, name: str, build: str | None = None) -> Callable[[T], T]:
    """Declare an option, so that `<group>=<name>` chooses it: a dataclass of its keys, with what follows from them and
    their rules as methods. What does its work is the class that `build` names, as "package.module:Class", which is
    imported when it is needed: a part of a model has `from_config(config, derived)`, a logger's sink is called with
    (config, run). None: the class of the parent option."""

    def declare(cls: T) -> T:
        annotations = inspect.get_annotations(cls)
        if "name" not in annotations:
            cls.__annotations__ = annotations | {"name": "str"}
            cls.name = name  # type: ignore[attr-defined]
        if build is not None:
            cls.build = build  # type: ignore[attr-defined]
        GROUP_SCHEMAS[group][name] = dataclass(cls)
        return cls

    return declare


def schema_of(group: str, name: str) -> type | None:
    """The schema behind `<group>.name`, None if there is none. What is not ours is timm's, where the group has it."""
    return GROUP_SCHEMAS[group].get(name) or GROUP_SCHEMAS[group].get("timm")

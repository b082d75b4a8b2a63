"""What the name of a run's folder begins with: what people compare, and then what differs from the defaults."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lkca_exp.config.derived import Derived, VitDerived
from lkca_exp.config.job import conf_dir
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, TimmConfig, VitConfig, VitPytorchConfig
from lkca_exp.config.specs import FOLDER
from lkca_exp.runs.format import flatten

LONGEST = 80
ORDER = ("model.mixer.", "model.", "data.", "optim.", "")
"""Whose keys come first."""
PLAIN = {f"{group.replace('/', '.')}.name": next(iter(options)) for group, options in GROUP_SCHEMAS.items()}
"""The first option of each group, which is not named."""
IN_FRONT = {"seed", "data.name", "model.name", "model.family", "model.embedding.name", "model.mixer.name"}


def label_of(config: Config, derived: Derived) -> str:
    """Data set, or the name of its folder; the model's preset, or its name if it is of another package, or its
    embedding if that is not the plain one; the mixer and, for a kernel, its side. Then the keys that can change the
    result and are not at their defaults, or at those of the preset, as many as there is room for."""
    parts = _front(config, derived)
    said = IN_FRONT | ({"model.mixer.kernel_size"} if _kernel_size(derived) else set())
    changed = {key: value for key, value in _changed(config).items() if key not in said}
    for key in sorted(
        changed, key=lambda key: next(place for place, start in enumerate(ORDER) if key.startswith(start))
    ):
        word = _safe(_word(key, changed[key]))
        if len("-".join([*parts, word])) > LONGEST:
            break
        parts.append(word)
    return "-".join(parts)[:LONGEST]


def result_fields(settings: object, prefix: str = "") -> Iterator[tuple[str, Any, dataclasses.Field]]:
    """Key, value and field of all that can change the result."""
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value, name = getattr(settings, field.name), prefix + field.name
        if not field.metadata.get("result", True):
            continue
        if dataclasses.is_dataclass(value):
            yield from result_fields(value, name + ".")
        else:
            yield name, value, field


def _front(config: Config, derived: Derived) -> list[str]:
    model, data = config.model, config.data
    parts = [Path(data.root).absolute().name if data.name == FOLDER else data.name]
    if model.preset is not None:
        parts.append(model.preset)
    elif isinstance(model, TimmConfig):
        parts.append(f"timm_{model.name}")
    elif isinstance(model, VitPytorchConfig):
        parts.append(f"vit_pytorch_{model.family}")
    elif isinstance(model, VitConfig) and model.embedding.name != "linear":
        parts.append(model.embedding.name)
    if isinstance(model, VitConfig):
        parts.append(model.mixer.name)
    if (kernel_size := _kernel_size(derived)) is not None:
        parts.append(f"k{kernel_size}")
    return [_safe(part) for part in parts]


def _kernel_size(derived: Derived) -> int | None:
    return derived.kernel_size if isinstance(derived, VitDerived) else None


def _changed(config: Config) -> dict[str, Any]:
    """The keys whose values are not their defaults, nor those of the model's preset."""
    preset = _set_by("model", config.model.preset) if config.model.preset else {}
    changed: dict[str, Any] = {}
    for key, value, field in result_fields(config):
        default = field.default_factory() if callable(field.default_factory) else field.default
        if value != PLAIN.get(key, default):
            changed |= flatten({key: value})
    return {key: value for key, value in changed.items() if key not in preset or preset[key] != value}


@functools.cache
def _set_by(group: str, option: str) -> dict[str, Any]:
    """What the file of an option sets, and those that it is made of; nothing of an option that is only a schema."""
    path = conf_dir() / group / f"{option}.yaml"
    if not path.is_file():
        return {}
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    values: dict[str, Any] = {}
    for base in content.pop("defaults", []):
        inner = base if isinstance(base, dict) else {"": base}
        for name, chosen in inner.items():
            values |= _set_by(f"{group}/{name}".rstrip("/"), str(chosen))
    return values | flatten(content, f"{group.replace('/', '.')}.")


def _word(key: str, value: Any) -> str:
    """sharing_all, lr_0.002, clip_norm_null; of a group its option alone."""
    if key in PLAIN:
        return str(value)
    text = f"{value:g}" if isinstance(value, float) else "null" if value is None else str(value)
    return f"{key.rpartition('.')[2]}_{text.lower() if isinstance(value, bool) else text}"


def _safe(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text)

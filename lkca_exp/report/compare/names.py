"""Short names for variants and for what they are compared on, from the configuration keys that differ.

Only the mixer's name differs: `attention`, `lkca`; a model without a mixer has its own: `resnet18`. More differs: `lkca
kernel_size=7`. A key that only one mixer has shows only where that mixer's variants differ in it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lkca_exp.report.read.load import Run

MIXER = "model.mixer.name"
MODEL = "model.name"
NOT_OF_THE_RESULT = (
    "study",
    "seed",
    "seeds",
    "compile",
    "keep",
    "force",
    "on_failure",
    "data.root",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.strategy",
    "trainer.jobs_per_gpu",
    "trainer.progress_bar",
    "logger",
    "paths",
)
"""Keys, and groups of keys, that runs of one variant may differ in (config/schema/: `result=False`, and the seed)."""
SETTING = ("data", "protocol", "numerics")
"""What has to agree before two variants may be compared: images, selection and the semantics of training."""
PLAIN_SETTING = {"data.fraction": 1, "data.images_per_class": None}
"""Values that go without saying; any other one is part of the name, even where nothing else is compared."""


def setting_keys(run: Run) -> dict[str, Any]:
    """The keys that make up what a run is compared on. Where a verified archive lies is none of them."""
    keys = _select({**run.config, "numerics": run.numerics}, inside=True)
    if keys.get("data.verify"):
        keys.pop("data.archive", None)
    return keys


def variant_keys(run: Run) -> dict[str, Any]:
    """The keys that make up a variant, with what each that was left open came to."""
    return _select(run.settled, inside=False)


def shown_keys(runs: Sequence[Run]) -> list[str]:
    """The keys that tell the variants of one setting apart, given a run of each. The mixer's name comes first.

    A key shows if it was written differently and came to different values: a null that came to 7 beside a 7 does not
    count, nor do values that follow from another key.
    """
    differ = set(varying([variant_keys(run) for run in runs]))
    shown = [key for key in varying([_select(run.config, inside=False) for run in runs]) if key in differ]
    if MODEL in shown:
        shown = [MIXER, *(key for key in shown if key != MIXER)]
    return sorted(shown, key=lambda key: key not in (MIXER, MODEL))


def name_variants(runs: Mapping[str, Run], shown: Sequence[str]) -> dict[str, str]:
    """Group -> name made of the keys in `shown`, given one run of each of the groups that are compared."""
    settled = {group: variant_keys(run) for group, run in runs.items()}
    names = {
        group: describe(_called_once(keys), shown or [MIXER]) or runs[group].label for group, keys in settled.items()
    }
    count = Counter(names.values())
    return {group: name if count[name] == 1 else f"{name} #{group[:6]}" for group, name in names.items()}


def name_settings(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """`digits`, or `digits, fraction=0.05, final` where settings differ in the subset and the protocol."""
    differ = varying(settings)
    names = []
    for keys in settings:
        unusual = [key for key, plain in PLAIN_SETTING.items() if keys.get(key, plain) != plain]
        shown = dict.fromkeys(["data.name", *unusual, *(key for key in differ if key not in PLAIN_SETTING)])
        names.append(describe(keys, list(shown), ", ") or "unnamed data")
    return names


def is_plain(setting: Mapping[str, Any]) -> bool:
    """Whether all training images are used, as published results do."""
    return all(setting.get(key, plain) == plain for key, plain in PLAIN_SETTING.items())


def varying(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys with two or more values among the configurations that have them, in the order of their first use."""
    values: dict[str, set[str]] = {}
    for config in configs:
        for key, value in config.items():
            values.setdefault(key, set()).add(json.dumps(value, sort_keys=True, default=str))
    return [key for key, found in values.items() if len(found) > 1]


def describe(config: Mapping[str, Any], keys: Sequence[str], separator: str = " ") -> str:
    """`lkca kernel_size=7`: the value of a `name`, `key=value` of the rest, with the key's last part where that is
    enough to tell the keys apart."""
    last_parts = Counter(key.rpartition(".")[2] for key in keys)
    words = []
    for key in keys:
        last = key.rpartition(".")[2]
        if key in config and last == "name":
            words.append(show(config[key]))
        elif key in config:
            words.append(f"{last if last_parts[last] == 1 else key}={show(config[key])}")
    return separator.join(words)


def in_order(text: str) -> list[tuple[bool, float, str]]:
    """A sort key that puts `kernel_size=7` before `kernel_size=13`."""
    pieces = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", text)
    return [(index % 2 == 1, float(piece) if index % 2 else 0.0, piece) for index, piece in enumerate(pieces)]


def show(value: Any) -> str:
    """A value as it is written in YAML."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _called_once(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the model's name where the mixer's stands for it."""
    return {key: value for key, value in config.items() if key != MODEL or MIXER not in config}


def _select(config: Mapping[str, Any], inside: bool) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if not _under(key, NOT_OF_THE_RESULT)}
    return {key: value for key, value in kept.items() if _under(key, SETTING) == inside}


def _under(key: str, parents: tuple[str, ...]) -> bool:
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)

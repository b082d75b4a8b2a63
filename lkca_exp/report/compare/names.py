"""Short names for variants and for what they are compared on, from the configuration keys that differ.

A model with a preset is named by it: `lkca_b`. Its other keys show only where variants of the same preset differ in
them: `lkca_b kernel_size=7`, `vit_small lkca_depthwise`.

Of models without a preset, where only the mixer's name differs: `attention`, `lkca`; a model without a mixer has its
own: `resnet18`. Where more differs: `lkca kernel_size=7`. A key that only one mixer has shows only where that mixer's
variants differ in it. Numbers have three significant digits, and what is too long leaves out keys that do not tell it,
has the first words of keys, and is cut where it differs least:
`lkca_dept… drop…=0 lr=0.004 weight…=0.01`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from lkca_exp.config.schema import Config
from lkca_exp.report.read.load import Run
from lkca_exp.runs.format import short

MIXER = "model.mixer.name"
MODEL = "model.name"
PRESET = "model.preset"
"""The file of conf/model that a model was chosen by; runs from before there was this key have none."""
SETTING = ("data.", "protocol.", "numerics.")
"""What has to agree before two variants may be compared: images, selection and the semantics of training."""
LONGEST, FEWEST, CUT = 40, 6, "…"
"""Characters of a variant's name, and those that a part of it is not cut below; what stands for what was cut."""
PLAIN_SETTING = {"data.fraction": 1, "data.images_per_class": None}
"""Values that go without saying; any other one is part of the name, even where nothing else is compared."""


def no_result_keys(schema: type, prefix: str = "") -> Iterator[str]:
    """The keys and groups of keys of a schema that cannot change what a run computes (`result=False`)."""
    for field in fields(schema):
        name = f"{prefix}{field.name}"
        if not field.metadata.get("result", True):
            yield name
        elif isinstance(field.default_factory, type) and is_dataclass(field.default_factory):
            yield from no_result_keys(field.default_factory, f"{name}.")


SAME_VARIANT = tuple(f"{key}." for key in ("seed", *no_result_keys(Config)))
"""Keys that runs of one variant may differ in, each with a full stop behind it."""


def setting_keys(run: Run) -> dict[str, Any]:
    """The keys of what a run is compared on, and the content of data files that are not the published ones."""
    keys = _select({**run.config, "numerics": run.numerics}, inside=True)
    content = run.derived.get("data_content")
    return keys if content is None else {**keys, "data.content": short(content)}


def variant_keys(run: Run) -> dict[str, Any]:
    """The keys that make up a variant, with resolved values in place of null; first its preset, if it has one."""
    named = {PRESET: run.config[PRESET]} if preset_of(run) else {}
    return named | _select(run.resolved, inside=False)


def preset_of(run: Run) -> str:
    """Empty for a model without one."""
    return str(run.config.get(PRESET) or "")


def shown_keys(settings: Iterable[Sequence[Run]]) -> dict[str, list[str]]:
    """Preset -> the keys that tell variants with it from all others of their setting, given a run of each variant,
    setting by setting; under "" those of variants without a preset. Preset and mixer come first.

    A key of the model shows if it differs between variants of the same preset, one of the mixer if it differs between
    those of the same mixer too: other mixers have other defaults. A key differs if it was written differently and has
    different values: a null resolved to 7 beside a 7 does not count, nor do values that follow from another key.
    """
    settings = list(settings)
    by_preset: dict[str, list[str]] = {preset_of(run): [] for runs in settings for run in runs}
    for runs in settings:
        differing = _differing(runs)
        for preset, keys in by_preset.items():
            keys += _telling([run for run in runs if preset_of(run) == preset], differing)
    without_mixer = any(MIXER not in run.config for runs in settings for run in runs if not preset_of(run))
    for preset, keys in by_preset.items():
        if preset:
            keys.insert(0, PRESET)
        elif len(by_preset) > 1 or MODEL in keys:
            keys += [MIXER, MODEL] if without_mixer else [MIXER]
    first = (PRESET, MIXER, MODEL)
    return {
        preset: sorted(dict.fromkeys(keys), key=lambda key: first.index(key) if key in first else len(first))
        for preset, keys in by_preset.items()
    }


def name_variants(runs: Mapping[str, Run], shown: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Group -> name made of the keys in `shown`, given one run of each of the groups that are compared. No two are the
    same, and none is longer than `LONGEST`."""

    def words(group: str, write: Callable[[Any], str]) -> list[tuple[str, str]]:
        run = runs[group]
        keys = shown[preset_of(run)] or [MIXER]
        return _words(_called_once(variant_keys(run)), keys, write) or [("", run.label)]

    by_group = {group: words(group, rounded) for group in runs}
    count = Counter(map(tuple, by_group.values()))
    by_group = {group: of if count[tuple(of)] == 1 else words(group, show) for group, of in by_group.items()}
    values: dict[str, set[str]] = {}
    for key, value in (word for of in by_group.values() for word in of):
        values.setdefault(key, set()).add(value)
    long = {group: of for group, of in by_group.items() if len(" ".join(map(_text, of))) > LONGEST}
    everything = list(by_group.values())
    by_group |= {group: _telling_words(of, everything) for group, of in long.items()}
    names = {group: _fitted(of, values) for group, of in by_group.items()}
    same = Counter(names.values())
    return {
        group: name if same[name] == 1 else f"{name[: LONGEST - 8].rstrip()} #{group[:6]}"
        for group, name in names.items()
    }


def name_settings(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """`digits`, or `digits, fraction=0.05, final` where settings differ in subset and protocol. One that differs
    from another only in that it lacks a key has a number behind it."""
    differ = varying(settings)
    names: list[str] = []
    for keys in settings:
        unusual = [key for key, plain in PLAIN_SETTING.items() if keys.get(key, plain) != plain]
        shown = dict.fromkeys(["data.name", *unusual, *(key for key in differ if key not in PLAIN_SETTING)])
        name = describe(keys, list(shown), ", ") or "unnamed data"
        alike = sum(other.partition(" #")[0] == name for other in names)
        names.append(f"{name} #{alike + 1}" if alike else name)
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
    return [key for key, different in values.items() if len(different) > 1]


def describe(config: Mapping[str, Any], keys: Sequence[str], separator: str = " ") -> str:
    """`lkca kernel_size=7`: the value of a `name` or a preset, `key=value` of the rest, with the key's last part where
    that is enough to tell the keys apart."""
    return separator.join(map(_text, _words(config, keys, rounded)))


def in_order(text: str) -> list[tuple[bool, float, str]]:
    """A sort key that puts `kernel_size=7` before `kernel_size=13`."""
    pieces = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", text)
    return [(index % 2 == 1, float(piece) if index % 2 else 0.0, piece) for index, piece in enumerate(pieces)]


def show(value: Any) -> str:
    """A value as it is written in YAML."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def rounded(value: Any) -> str:
    """A value as it is written in YAML, a number to three significant digits and without a fraction of zero: 0.00554
    for 0.0055374233513904155, 2 for 2.0."""
    short = f"{value:.3g}" if isinstance(value, float) else ""
    return show(value).removesuffix(".0") if not short or float(short) == value else short


def _words(config: Mapping[str, Any], keys: Sequence[str], write: Callable[[Any], str]) -> list[tuple[str, str]]:
    """Key, empty for a name, and value of each word of a name."""
    last_parts = Counter(key.rpartition(".")[2] for key in keys)
    words = []
    for key in (key for key in keys if key in config):
        last = key.rpartition(".")[2]
        is_name = last == "name" or key == PRESET
        words.append(("" if is_name else last if last_parts[last] == 1 else key, write(config[key])))
    return words


def _text(word: tuple[str, str]) -> str:
    key, value = word
    return f"{key}={value}" if key else value


def _telling_words(
    words: Sequence[tuple[str, str]], others: Collection[Sequence[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """Without keys, the most common value first, as long as the name is too long and no other variant has all the words
    that are left."""
    common = Counter(word for other in others for word in other)
    kept = list(words)
    for word in sorted((word for word in words if word[0]), key=lambda word: -common[word]):
        rest = [other for other in kept if other != word]
        is_needed = any({*rest} <= {*other} for other in others if other != words)
        if rest and not is_needed and len(" ".join(map(_text, kept))) > LONGEST:
            kept = rest
    return kept


def _fitted(words: Sequence[tuple[str, str]], values: Mapping[str, Collection[str]]) -> str:
    """The words, cut to `LONGEST` characters: keys to their first words where these differ, then names, then keys, then
    values. `values` are all that a key has among the variants: of a value what they share is cut first."""
    fitted = list(words)
    if len(" ".join(map(_text, fitted))) > LONGEST:
        first = {key: key.partition("_")[0] for key in values}
        count = Counter(first.values())
        fitted = [(f"{first[key]}{CUT}" if "_" in key and count[first[key]] == 1 else key, v) for key, v in fitted]
    for part in ("name", "key", "value"):
        for index, (key, value) in enumerate(fitted):
            length = LONGEST - sum(len(_text(word)) + 1 for place, word in enumerate(fitted) if place != index)
            if part == "key":
                fitted[index] = (_cut(key, length - len(value) - 1), value)
            elif (part == "name") == (not key):
                fitted[index] = (
                    key,
                    _cut(value, length - len(_text((key, ""))), _shared_start(values[words[index][0]])),
                )
    return _cut(" ".join(map(_text, fitted)), LONGEST)


def _shared_start(texts: Collection[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _cut(text: str, length: int, shared: str = "") -> str:
    """At most `length` characters, but never less than `FEWEST`, of a text that begins with what it shares with
    others."""
    length = max(length, FEWEST)
    if len(text) > length and len(shared) < len(text):
        text = CUT + text[len(shared) :] if len(shared) > 1 else text
    return text if len(text) <= length else text[: length - 1] + CUT


def _telling(alike: Sequence[Run], differing: Sequence[str]) -> list[str]:
    """Of the keys that differ in a setting those that tell its runs of one preset apart."""
    inside = {*_differing(alike), *(key for key in differing if not _under(key, ("model.",)))}
    by_mixer: dict[Any, list[Run]] = {}
    for run in alike:
        by_mixer.setdefault(run.config.get(MIXER), []).append(run)
    of_mixers = {key for same in by_mixer.values() for key in _differing(same)}
    return [
        key
        for key in differing
        if key in inside and (key in of_mixers or key == MIXER or not _under(key, ("model.mixer.",)))
    ]


def _differing(runs: Sequence[Run]) -> list[str]:
    """The keys that were written differently and have different resolved values."""
    differ = set(varying([variant_keys(run) for run in runs]))
    return [key for key in varying([_select(run.config, inside=False) for run in runs]) if key in differ]


def _called_once(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the model's name where the mixer's stands for it."""
    return {key: value for key, value in config.items() if key != MODEL or MIXER not in config}


def _select(config: Mapping[str, Any], inside: bool) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if not _under(key, SAME_VARIANT)}
    return {key: value for key, value in kept.items() if _under(key, SETTING) == inside}


def _under(key: str, parents: tuple[str, ...]) -> bool:
    """Whether a key is one of the `parents`, which end in a full stop, or in a group of that name."""
    return f"{key}.".startswith(parents)

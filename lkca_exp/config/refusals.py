"""Errors of Hydra's and OmegaConf's as ConfigErrors: the key, the value, the rule, the nearest valid choice."""

from __future__ import annotations

import dataclasses
import functools
import re
import traceback
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import hydra
import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException

from lkca_exp.config.checks import keys
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.hints import hint
from lkca_exp.config.hydra_private import MESSAGES, is_interpolation, is_missing, leaves
from lkca_exp.config.schema import GROUP_SCHEMAS, Config
from lkca_exp.config.schema.store import conf_dir

TYPE_RULES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
GROUPS = [field.name for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.default_factory)]
PACKAGE = Path(__file__).parents[1]
PARSE_RULE = "Overrides read key=value, with quotes as in 'key=\"a b\"' and lists as in key=[1,2]."


def to_config(cfg: DictConfig) -> Config:
    """The typed configuration in a composed one.

    Raises:
        ConfigError: for a key that the schema does not have, one that was taken out, or a value that does not resolve.
    """
    nodes = dict(leaves(cfg, known_keys()))
    for name, node in nodes.items():
        if name not in known_keys():
            raise unknown_key(name, OmegaConf.select(cfg, name))
        if is_missing(node):
            raise ConfigError(name, "???", f"{name} must be given.", f"Write {name}=NAME.")
        if is_interpolation(node):
            try:
                OmegaConf.select(cfg, name)
            except InterpolationResolutionError as error:
                written = str(node).strip("'")
                raise ConfigError(name, written, f"{str(error).splitlines()[0]}.") from error
    try:
        config = OmegaConf.to_object(cfg)
    except OmegaConfBaseException as error:  # an interpolation that resolves to a value of another type
        raise explain(error, ()) from error
    assert isinstance(config, Config)
    fields = {name: field for name, field, _ in keys(config)}
    for name, field in fields.items():
        if name not in nodes:
            raise ConfigError(f"~{name}", "", f"{name} ({field.metadata['help']}) cannot be taken out.")
    for name in nodes:
        if name not in fields:
            raise unknown_key(name, OmegaConf.select(cfg, name))
    return config


def is_refusal(error: Exception) -> bool:
    """Whether it comes from composing, not from a job."""
    if isinstance(error, HydraException | OmegaConfBaseException | MissingConfigException | yaml.YAMLError):
        return True
    if isinstance(error, RecursionError):
        return True
    return isinstance(error, AssertionError | ValueError) and _of_hydra_alone(error)


def _of_hydra_alone(error: Exception) -> bool:
    """Whether what we called last was Hydra, and no function of ours raised it."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [place for place, file in enumerate(files) if file.is_relative_to(PACKAGE)]
    called = files[ours[-1] + 1 :] if ours else files
    return bool(called) and called[0].is_relative_to(Path(hydra.__file__).parent)


def explain(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """Turn what composing raised into a short answer; `overrides` are the words of the command line."""
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, MissingConfigException):
        return _no_option(error, overrides)
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override or " ".join(overrides))
    if isinstance(error, yaml.YAMLError | UnicodeDecodeError):
        return _broken_file(error, overrides)
    if isinstance(error, RecursionError):
        rule = "A file of conf/ names itself among its defaults, or an alias of YAML holds itself."
        return ConfigError("overrides", " ".join(overrides), rule)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        name = str(cause.full_key)
        unknown = isinstance(cause, ConfigKeyError | ConfigAttributeError)
        if unknown:
            name = next((key for key in _keys(overrides) if key.startswith(f"{name}.")), name)
        value = _given(name, overrides)
        if not unknown and name not in known_keys() and not any(key.startswith(name) for key in _keys(overrides)):
            return _other(str(error), overrides)
        if name.startswith("hydra."):
            rule = "There is no such key." if unknown else str(cause).splitlines()[0]
            if name.startswith("hydra.sweeper.params."):
                return ConfigError(name, value, "Values of a sweep stand beside -m, as in seed=0,1.")
            return ConfigError(name, value, rule, "`python -m lkca_exp --cfg hydra` shows them all.")
        return unknown_key(name, value, str(cause.full_key)) if unknown else _wrong_type(name, value)
    message = str(error) or f"Hydra needs this to hold: {traceback.extract_tb(error.__traceback__)[-1].line}"
    return _other(message, overrides)


OTHER_MODELS = {
    "model.patches_per_side": "model=vit has model.patch_size, in pixels.",
    "model.patch_size": "model=timm has model.patches_per_side.",
}
"""Key of a model that another lacks -> what that has in its place."""


def _no_option(error: MissingConfigException, overrides: Sequence[str]) -> ConfigError:
    """For a file of `conf/` that is not there; what was chosen may hold slashes."""
    missing = error.missing_cfg_file or ""
    if not missing:
        return ConfigError("--config-path", "", str(error).splitlines()[0], "The files are in conf/, beside lkca_exp/.")
    chosen = (word.lstrip("+~").partition("=")[::2] for word in overrides)
    group, option = next((pair for pair in chosen if "/".join(pair) == missing), missing.rpartition("/")[::2])
    options = error.options or [file.stem for file in (conf_dir() / group).glob("*.yaml")]
    if group == "data" and re.search(r"[./~]", option):
        rule = f"data takes the name of a data set ({', '.join(options)}); the folder of its files is data.root."
        remedy = f"For images of your own: data=folder data.root={option} data.image_size=64."
        return ConfigError(group, option, rule, remedy)
    if not option:
        return ConfigError(group, option, f"{group} takes the name of an option.", f"There is: {', '.join(options)}.")
    rule = f"{group} has no option {option}." if group else "There is no such file in conf/."
    return ConfigError(group or "--config-name", option, rule, did_you_mean(option, options))


def _unreadable(word: str) -> ConfigError:
    """For a word that is no override."""
    key, equals, value = word.partition("=")
    rule = PARSE_RULE
    if any(word.count(quote) % 2 for quote in "'\""):
        rule = "A quote is not closed. A shell takes away one pair: write 'key=\"a b\"'."
    elif any(word.count(left) != word.count(right) for left, right in ("[]", "{}", "()")):
        rule = f"A bracket is not closed. {PARSE_RULE}"
    elif not equals and not re.fullmatch(r"[\w./]*", word):
        return ConfigError("overrides", repr(word), PARSE_RULE)
    elif not word.isascii():
        rule = "Text with letters beyond a to z stands in quotes, as in 'key=\"Zürich\"'."
    remedy = f"Write {key}=VALUE." if not equals and key in known_keys() else ""
    return ConfigError(key, value, rule, remedy)


def _broken_file(error: yaml.YAMLError | UnicodeDecodeError, overrides: Sequence[str]) -> ConfigError:
    """For a YAML file that cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        folders = [Path(folder) for folder in re.findall(r"file://([^,\]]+)", " ".join(overrides))]
        folders += [Path(word) for flag, word in pairwise(overrides) if flag in ("--config-dir", "-cd")]
        files = (file for folder in (*folders, conf_dir()) for file in sorted(folder.rglob("*.yaml")))
        broken = next((file for file in files if file.read_bytes().startswith(error.object)), "a file of conf/")
        return ConfigError("file", broken, "It is not text in UTF-8.", "Save it in this encoding.")
    mark = getattr(error, "problem_mark", None)
    place = f"{mark.name}:{mark.line + 1}" if mark else getattr(error, "name", "a file of conf/")
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return ConfigError("file", place, f"It is not YAML that a configuration may be: {problem}.")


@functools.cache
def known_keys() -> dict[str, str]:
    """Every key that some choice of groups has: dotted name -> type, as written in the schema."""
    return dict(_fields(Config))


def unknown_key(name: str, value: object, lacking: str | None = None) -> ConfigError:
    """The answer to a key that does not exist, or not with the options chosen; `lacking` is what they lack of it, if
    that is a group of keys."""
    lacking = lacking or name
    for group in sorted(GROUP_SCHEMAS, reverse=True):  # a group within another comes before it
        prefix = group.replace("/", ".") + "."
        owners = [
            option for option in GROUP_SCHEMAS[group] if lacking.startswith(prefix) and _has(group, option, lacking)
        ]
        if owners:
            rule = f"With the options chosen nothing reads it: only {group}={' or '.join(owners)} has this key."
            return ConfigError(name, value, rule, OTHER_MODELS.get(name, ""))
    return ConfigError(name, value, "There is no such key.", key_hint(name, value))


def key_hint(name: str, value: object) -> str:
    """What somebody who wrote the key `name` may have meant, as a sentence."""
    return hint(name, str(value), [*known_keys(), *GROUPS])


def _has(group: str, option: str, name: str) -> bool:
    """Whether an option of a group has the key, or the group of keys, called `name`."""
    fields = dict(_fields(GROUP_SCHEMAS[group][option], group.replace("/", ".") + "."))
    return any(field == name or field.startswith(f"{name}.") for field in fields)


def _fields(schema: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(schema):
        name = prefix + field.name
        group = name.replace(".", "/")
        if group in GROUP_SCHEMAS:
            for option in GROUP_SCHEMAS[group].values():
                yield from _fields(option, name + ".")
        elif isinstance(field.default_factory, type) and dataclasses.is_dataclass(field.default_factory):
            yield from _fields(field.default_factory, name + ".")
        else:
            yield name, str(field.type)


def _given(name: str, overrides: Sequence[str]) -> str:
    """The value that the command line gave to a key."""
    for override in reversed(overrides):
        key, _, value = override.partition("=")
        if key.lstrip("+~") == name:
            return value
    return ""


def _keys(overrides: Sequence[str]) -> list[str]:
    return [override.partition("=")[0].lstrip("+~") for override in overrides]


def _wrong_type(name: str, value: str) -> ConfigError:
    written = known_keys().get(name)
    if written is None:
        group = name.replace(".", "/")
        return ConfigError(name, value, f"{name} is a group of keys, not a value.", f"Choose with {group}={value}.")
    kinds = [TYPE_RULES.get(kind.strip(), "null") for kind in written.split("|")]
    return ConfigError(name, value, f"{name} is {' or '.join(kinds)}.")


def _other(message: str, overrides: Sequence[str]) -> ConfigError:
    """For errors of Hydra's that have no key as an attribute, only a message."""
    first = next(iter(message.splitlines()), "")
    if set_in := MESSAGES["unknown key in a file"].search(message):
        group, option, name = set_in.groups()
        remedy = "Begin the file with the line: # @package _global_" if name == group else ""
        return ConfigError(group, option, f"It sets {name}. {unknown_key(name, '').rule}", remedy)
    if wrong := MESSAGES["wrong value in a file"].search(message):
        quoted = re.search("'(.*?)'", wrong["problem"])
        rule = f"{wrong['file']}.yaml sets it: {wrong['problem'].splitlines()[0]}."
        return ConfigError(wrong["key"] or "a key", quoted[1] if quoted else "", rule)
    if missing := MESSAGES["no such part"].match(first):
        group, option, part = missing.groups()
        remedy = "Only model=vit and its like have one."
        if group:
            return ConfigError(group, option, f"It chooses {part}, and the model has no such part.", remedy)
        return ConfigError(part, _given(part, overrides), "The model has no such part.", remedy)
    if swept := MESSAGES["sweep"].match(first) or MESSAGES["several values"].match(first):
        key, _, value = swept["override"].partition("=")
        return ConfigError(key, value, "Several values make a sweep.", "Add -m. (One value that is a list: key=[1,2].)")
    if exists := MESSAGES["key exists"].match(first):
        name, value = exists["key"], _given(exists["key"], overrides)
        return ConfigError(f"+{name}", value, f"{name} exists, so it takes no +.", f"Write {name}={value}.")
    if (absent := MESSAGES["not in the defaults"].match(first)) and absent["key"] == "experiment":
        value = _given("experiment", overrides)
        rule = "An experiment is added to the defaults."
        return ConfigError("experiment", value, rule, f"Write +experiment={value}.")
    if MESSAGES["no option"].match(first):
        for name in _keys(overrides):
            if name in (*GROUPS, "experiment", "recipe"):
                rule = f"{name} takes the name of an option, which --help lists."
                return ConfigError(name, _given(name, overrides), rule)
    return ConfigError("overrides", " ".join(overrides), first)

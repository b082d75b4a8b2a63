"""Errors of Hydra's and OmegaConf's as ConfigErrors: the key, the value, the rule, the nearest valid choice."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException

from lkca_exp.config.checks import keys
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.hydra_private import MESSAGES, is_interpolation, is_missing, leaves
from lkca_exp.config.schema import GROUP_SCHEMAS, Config

TYPE_RULES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
GROUPS = [field.name for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.default_factory)]


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
    if isinstance(error, HydraException | OmegaConfBaseException | MissingConfigException):
        return True
    return bool(MESSAGES["no option"].match(str(error)))  # a bare ValueError of Hydra's, for data=null


def explain(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """Turn what composing raised into a short answer; `overrides` are the words of the command line."""
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, MissingConfigException):
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        rule = f"{group} has no option {option}."
        return ConfigError(group, option, rule, did_you_mean(option, error.options or ()))
    if isinstance(error, OverrideParseException):
        key, _, value = (error.override or " ".join(overrides)).partition("=")
        rule = "Overrides read key=value, with quotes as in 'key=\"a b\"' and lists as in key=[1,2]."
        return ConfigError(key, value, rule)
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        name = str(cause.full_key)
        unknown = isinstance(cause, ConfigKeyError | ConfigAttributeError)
        if unknown:
            name = next((key for key in _keys(overrides) if key.startswith(f"{name}.")), name)
        value = _given(name, overrides)
        if name.startswith("hydra."):
            rule = "There is no such key." if unknown else str(cause).splitlines()[0]
            return ConfigError(name, value, rule, "`python -m lkca_exp --cfg hydra` shows them all.")
        return unknown_key(name, value, str(cause.full_key)) if unknown else _wrong_type(name, value)
    return _other(str(error), overrides)


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
            return ConfigError(name, value, rule)
    return ConfigError(name, value, "There is no such key.", did_you_mean(name, [*known_keys(), *GROUPS]))


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
    first = message.splitlines()[0]
    if set_in := MESSAGES["unknown key in a file"].search(message):
        group, option, name = set_in.groups()
        return ConfigError(group, option, f"It sets {name}. {unknown_key(name, '').rule}")
    if missing := MESSAGES["no such part"].match(first):
        group, option, part = missing.groups()
        remedy = "Only model=vit and its like have one."
        if group:
            return ConfigError(group, option, f"It chooses {part}, and the model has no such part.", remedy)
        return ConfigError(part, _given(part, overrides), "The model has no such part.", remedy)
    if swept := MESSAGES["sweep"].match(first):
        key, _, value = swept["override"].partition("=")
        return ConfigError(key, value, "Several values make a sweep.", "Add -m.")
    if exists := MESSAGES["key exists"].match(first):
        name, value = exists["key"], _given(exists["key"], overrides)
        return ConfigError(f"+{name}", value, f"{name} exists, so it takes no +.", f"Write {name}={value}.")
    if (absent := MESSAGES["not in the defaults"].match(first)) and absent["key"] == "experiment":
        value = _given("experiment", overrides)
        rule = "An experiment is added to the defaults."
        return ConfigError("experiment", value, rule, f"Write +experiment={value}.")
    if MESSAGES["no option"].match(first):
        for name in _keys(overrides):
            if name in GROUPS:
                rule = f"{name} takes the name of an option, which --help lists."
                return ConfigError(name, _given(name, overrides), rule)
    return ConfigError("overrides", " ".join(overrides), first)

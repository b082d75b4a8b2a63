"""The words of a command line, before Hydra reads them."""

from __future__ import annotations

from collections.abc import Sequence

from lkca_exp.config.errors import ConfigError, near_names
from lkca_exp.config.refusals import GROUPS, key_hint, known_keys

MULTIRUN = ("-m", "--multirun")
FLAGS = {
    *MULTIRUN,
    *("--help", "-h", "--hydra-help", "--version", "--info", "-i", "--shell-completion", "-sc"),
    *("--cfg", "-c", "--resolve", "--package", "-p", "--run", "-r"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
}
"""Hydra's, but for --experimental-rerun, which would run a pickle."""
TAKE_VALUES = {"--cfg", "--package", "--config-path", "--config-name", "--config-dir", "--info"}


def flags_first(words: Sequence[str]) -> list[str]:
    """The words with -m at their head, where Hydra wants it.

    Raises:
        ConfigError: for a flag that does not exist, such as a key with dashes.
    """
    for place, word in enumerate(words):
        if not word.partition("=")[0].strip():
            raise ConfigError("overrides", repr(word), "It has no key.", "Overrides read key=value.")
        flag, _, value = word.partition("=")
        if flag.startswith("-") and (flag not in FLAGS or (value and flag not in TAKE_VALUES)):
            following = [*words[place + 1 :], "-"][0]
            raise _unknown_flag(flag, value or (following if not set(following) & set("-=") else ""))
    flags = {word.partition("=")[0] for word in words}
    if flags & {"--package", "-p"} and not flags & {"--cfg", "-c"}:
        raise ConfigError("--package", "", "It says which part --cfg shows.", "Add --cfg job.")
    moved = [word for word in words if word in MULTIRUN]
    return moved[:1] + [word for word in words if word not in MULTIRUN]


def _unknown_flag(flag: str, value: str) -> ConfigError:
    name = flag.lstrip("-").replace("-", "_")
    rule = "There is no such flag: keys are given as key=value, without dashes."
    if name == "experimental_rerun":
        remedy = "`python -m lkca_exp.runs rerun RUN` trains a recorded run again."
    elif name == "experiment":
        remedy = f"Write +experiment={value or 'NAME'}."
    elif name in known_keys() or name in GROUPS:
        remedy = f"Write {name}={value or 'VALUE'}."
    else:
        remedy = key_hint(name, value) if value else near_names(flag, FLAGS)
    return ConfigError(flag, value, rule, remedy)

"""The jobs of a sweep, as lists of overrides: a grid, times a list of cases."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from lkca_exp.config.hydra_private import grid

Point = dict[str, str]
"""One job's overrides: key with its + or ~ -> the whole word."""


def expand(sweeper: DictConfig, words: Sequence[str], loader: ConfigLoader) -> list[list[str]]:
    """The overrides of every job that `hydra.sweeper` and the words of the command line ask for.

    The grid of `params` and of the command line is the outer loop, its first key the outermost; the cases are the inner
    one. The command line wins over a case, a case over `params`. Experiments of a case come before those of the command
    line, which therefore have the last word.

    Raises:
        HydraException: for words that Hydra does not understand.
    """
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    typed = points(words, loader)[0].keys()
    cases = [point for case in sweeper.cases for point in points(shlex.split(case), loader)] or [{}]
    return [list(_merge(at, case, typed).values()) for at in points([*params, *words], loader) for case in cases]


def points(words: Iterable[str], loader: ConfigLoader) -> list[Point]:
    """The grid that a list of overrides spans, by the rules of Hydra's basic sweeper."""
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    return [{word.partition("=")[0]: word for word in job} for job in grid(overrides)]


def _merge(point: Point, case: Point, typed: Iterable[str]) -> Point:
    merged = dict(point)
    for key, word in case.items():
        if key.startswith("+") and key in typed:
            options = [part.partition("=")[2].strip("[]") for part in (word, merged[key])]
            merged[key] = f"{key}=[{','.join(options)}]"
        elif key not in typed:
            merged[key] = word
    return merged

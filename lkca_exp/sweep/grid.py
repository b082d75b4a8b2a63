"""The jobs of a sweep, as lists of overrides: a grid, times a list of cases."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.hydra_private import grid

MOST_JOBS = 100_000

Point = dict[str, str]
"""One job's overrides: key with its + or ~ -> the whole word."""


def expand(sweeper: DictConfig, words: Sequence[str], loader: ConfigLoader) -> list[list[str]]:
    """The overrides of every job that `hydra.sweeper` and the words of the command line ask for.

    The grid of `params` and of the command line is the outer loop, its first key the outermost; the cases are the inner
    one. The command line wins over a case, a case over `params`. Experiments of a case come before those of the command
    line, which therefore have the last word.

    Raises:
        HydraException: for words that Hydra does not understand.
        ConfigError: for a sweep without jobs, or with more than `MOST_JOBS`.
    """
    params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    typed = {word.partition("=")[0] for word in words}
    cases = [point for line in sweeper.cases for point in points(split_line("cases", line), loader)] or [{}]
    outer = points([*params, *words], loader)
    check_number("hydra.sweeper.cases", f"{len(cases)} cases", len(outer) * len(cases))
    lists = [list(_merge(point, case, typed).values()) for point in outer for case in cases]
    seeds = [_num_seeds(words) for words in lists]
    check_number("seeds", max(seeds), sum(seeds))
    return lists


def _num_seeds(words: Iterable[str]) -> int:
    """How many seeds a list of overrides asks for."""
    typed_seeds = [value for key, _, value in (word.partition("=") for word in words) if key == "seeds"]
    return int(typed_seeds[-1]) if typed_seeds and typed_seeds[-1].isdecimal() else 1


def points(words: Iterable[str], loader: ConfigLoader) -> list[Point]:
    """The grid that a list of overrides spans, by the rules of Hydra's basic sweeper.

    Raises:
        HydraException: for words that Hydra does not understand.
        ConfigError: for a grid without points, or with more than `MOST_JOBS`.
    """
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    counts = {override.get_key_element(): num_values(override) for override in overrides}
    if overrides:
        longest = max(overrides, key=num_values)
        check_number(*typed(longest), math.prod(counts.values()))
    return [{word.partition("=")[0]: word for word in job} for job in grid(overrides)]


def num_values(override: Override) -> int:
    """How many values an override sweeps over, without making them.

    Raises:
        ConfigError: if it has none, or is no list of values.
    """
    if not override.is_sweep_override():
        return 1
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        rule = "An interval is for a sweeper that draws from it."
        raise ConfigError(*typed(override), rule, "Give values, as in key=1,2, or choose hydra/sweeper=optuna.")
    if isinstance(sweep, ChoiceSweep) and any(isinstance(value, Sweep) for value in sweep.list):
        raise ConfigError(*typed(override), "A range or a list of choices stands alone.", "Write all values out.")
    remedy = ""
    if isinstance(sweep, RangeSweep):
        start, stop, step = (float(end) for end in (sweep.start or 0, sweep.stop or 0, sweep.step))
        count, remedy = max(math.ceil((stop - start) / step), 0) if step else 0, "A range ends before its stop."
    else:
        count = sum(1 for _ in override.sweep_iterator())
    if not count:
        raise ConfigError(*typed(override), "It has no value, so the sweep has no job.", remedy)
    return count


def check_number(key: str, value: object, jobs: int) -> None:
    """Raises ConfigError for more jobs than a sweep may have; `key` is what makes them many."""
    if jobs > MOST_JOBS:
        rule = f"The sweep has {jobs:,} jobs, more than {MOST_JOBS:,}."
        raise ConfigError(key, value, rule, "Give fewer values, or make several sweeps of it.")


def split_line(key: str, line: str) -> list[str]:
    """The words of a line of `hydra.sweeper.<key>`.

    Raises:
        ConfigError: for a quote that is not closed.
    """
    try:
        return shlex.split(str(line))
    except ValueError as error:
        rule = "A quote in it is not closed."
        raise ConfigError(f"hydra.sweeper.{key}", line, rule) from error


def typed(override: Override) -> tuple[str, str]:
    """The key and the value of an override, as they were typed."""
    key, _, value = str(override.input_line).partition("=")
    return key, value


def _merge(point: Point, case: Point, typed: Iterable[str]) -> Point:
    merged = dict(point)
    for key, word in case.items():
        if key.startswith("+") and key in typed:
            options = [part.partition("=")[2].strip("[]") for part in (word, merged[key])]
            merged[key] = f"{key}=[{','.join(options)}]"
        elif key not in typed:
            merged[key] = word
    return merged

"""The jobs of a sweep: composed, checked, named, before the first of them starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import conf_dir, job_of_config
from lkca_exp.config.refusals import explain, is_refusal, known_keys, unknown_key
from lkca_exp.config.schema import Config, register
from lkca_exp.data.content import run_of
from lkca_exp.runs.run import Run, check_writable
from lkca_exp.sweep.baseline import check_baseline
from lkca_exp.sweep.grid import check_number, expand, points, split_line
from lkca_exp.sweep.loader import SweepLoader

SECONDS_BETWEEN_LINES = 2.0

Exclusion = dict[str, Any]
"""Key, or group -> the value, or option, that jobs which are left out have."""


@dataclass(frozen=True)
class SweepJob(Run):
    """A run of a sweep, and the overrides that make it."""

    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Jobs:
    """All jobs of a sweep, each once, in their order; and the overrides of those that would repeat one."""

    unique: list[SweepJob]
    duplicates: list[tuple[str, ...]]

    @property
    def varied_keys(self) -> list[str]:
        """The keys in whose overrides the jobs differ."""
        shared = set.intersection(*(set(job.overrides) for job in self.unique))
        words = (word for job in self.unique for word in job.overrides if word not in shared)
        return list(dict.fromkeys(word.partition("=")[0] for word in words))

    @property
    def studies(self) -> list[Path]:
        """Folders of the studies, in the order of their first jobs."""
        return list(dict.fromkeys(job.directory.parent for job in self.unique))


def jobs_of(words: Sequence[str]) -> Jobs:
    """The jobs that `python -m lkca_exp -m <words>` would do, for other programs than the command line.

    Raises:
        ConfigError: if one of them is wrong, or the sweeper is one that decides as it goes.
    """
    with multirun(words) as (master, loader):
        return resolve(master, loader)


@contextmanager
def multirun(words: Sequence[str]) -> Iterator[tuple[DictConfig, SweepLoader]]:
    """What our sweeper is given for `python -m lkca_exp -m <words>`: the configuration, and what composes its jobs.

    Raises:
        ConfigError: if the words are wrong, or the sweeper is one that decides as it goes.
    """
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        with refusing(words):
            master = loader.load_configuration("config", list(words), RunMode.MULTIRUN)
        sweeper = master.hydra.runtime.choices["hydra/sweeper"]
        if sweeper != "study":
            rule = "It decides on its jobs as it goes: they are not known beforehand."
            raise ConfigError("hydra/sweeper", sweeper, rule)
        yield master, SweepLoader(loader)


def resolve(master: DictConfig, loader: SweepLoader) -> Jobs:
    """Compose and check every job of the multirun that `master` was composed for.

    Raises:
        ConfigError: if one of them breaks a rule or its folder cannot be written, which it names, or if none is left.
    """
    words, sweeper = list(master.hydra.overrides.task), master.hydra.sweeper
    with refusing(words):
        lists = expand(sweeper, words, loader)
        excluded = [exclusion for line in sweeper.exclude for exclusion in _exclusions(line, loader, master)]
    jobs = resolve_lists(lists, master, loader, excluded)
    if not jobs.unique:
        raise ConfigError("hydra.sweeper.exclude", list(sweeper.exclude), "It leaves no job of the sweep.")
    check_baseline(jobs.unique)
    return jobs


def resolve_lists(
    lists: Sequence[list[str]], master: DictConfig, loader: SweepLoader, excluded: Sequence[Exclusion] = ()
) -> Jobs:
    """The same for jobs that are given as lists of overrides. Says on standard error how far it is if it takes long."""
    unique: dict[str, SweepJob] = {}
    duplicates: list[tuple[str, ...]] = []
    last_line = time.monotonic()
    for number, overrides in enumerate(lists):
        with refusing(overrides, f"In job #{number} of {len(lists)}: {' '.join(overrides)}"):
            for job in _resolve_one(overrides, master, loader, excluded):
                if job.id in unique:
                    duplicates.append(job.overrides)
                else:
                    unique[job.id] = job
            check_number("seeds", "", len(unique) + len(duplicates))
        if time.monotonic() - last_line > SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            print(f"{number + 1:,} of {len(lists):,} jobs checked", file=sys.stderr)
    return Jobs(list(unique.values()), duplicates)


def parse(words: Sequence[str]) -> list[Override]:
    """The overrides in `words`.

    Raises:
        ConfigError: for words that are none.
    """
    with refusing(words):
        return OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(list(words))


def first_job(master: DictConfig, loader: SweepLoader, more: Sequence[str] = ()) -> SweepJob:
    """The job that a sweeper which decides as it goes starts from: what the command line says, but for what it sweeps;
    and `more` overrides.

    Raises:
        ConfigError: if it breaks a rule or its folder cannot be written.
    """
    words = list(master.hydra.overrides.task)
    with refusing(words):
        fixed = [str(override.input_line) for override in parse(words) if not override.is_sweep_override()]
        return next(_resolve_one([*fixed, *more], master, loader, excluded=()))


def _resolve_one(
    overrides: list[str], master: DictConfig, loader: SweepLoader, excluded: Sequence[Exclusion]
) -> Iterator[SweepJob]:
    """The jobs that one list of overrides asks for: none if it is excluded, several if it asks for several seeds."""
    config, choices = loader.load_job(master, overrides)
    if any(all(value_of(key, config, choices) == value for key, value in exclusion.items()) for exclusion in excluded):
        return
    job = job_of_config(config)
    if config.seeds > 1:
        others = [word for word in overrides if word.partition("=")[0] not in ("seed", "seeds")]
        for seed in range(config.seed, config.seed + config.seeds):
            yield from _resolve_one([*others, f"seed={seed}", "seeds=1"], master, loader, excluded)
        return
    check_writable(config)
    run = run_of(job)
    yield SweepJob(run.config, run.derived, tuple(overrides))


def _exclusions(line: str, loader: SweepLoader, master: DictConfig) -> Iterator[Exclusion]:
    """The jobs that a line of `hydra.sweeper.exclude` leaves out."""
    for point in points(split_line("exclude", line), loader):
        for key, word in point.items():
            check_known(key, master, word.partition("=")[2])
        yield {key: parse([word])[0].value() for key, word in point.items()}


def check_known(key: str, master: DictConfig, value: str = "") -> None:
    """Raises ConfigError if there is neither a key nor a group of this name."""
    if key not in master.hydra.runtime.choices and key not in known_keys():
        raise unknown_key(key, value)


def value_of(key: str, config: Config, choices: DictConfig) -> Any:
    """What a job has for a key, or chose in a group; None if its options lack the key."""
    if key in choices:
        return choices[key]
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name, None)
    return value


@contextmanager
def refusing(words: Sequence[str], where: str = "") -> Iterator[None]:
    """Turn what composing raises into a ConfigError that says where."""
    try:
        yield
    except Exception as error:
        if not (isinstance(error, ConfigError) or is_refusal(error)):
            raise
        answer = error if isinstance(error, ConfigError) else explain(error, words)
        raise ConfigError(answer.key, answer.value, answer.rule, f"{answer.remedy}\n  {where}".strip()) from error

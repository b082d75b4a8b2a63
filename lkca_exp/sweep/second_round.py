"""The second round of a sweep: those of its jobs that proved best on validation go on.

So each variant can be compared with the learning rate that suits it: `hydra.sweeper.then` says what the best one is
chosen for each value of, and what it goes on with, such as other seeds and the test set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean

from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import HoldoutConfig
from lkca_exp.runs.record import objective
from lkca_exp.runs.state import State, run_state
from lkca_exp.sweep.grid import Point, points
from lkca_exp.sweep.jobs import Jobs, SweepJob, check_known, refusing, resolve_lists, value_of
from lkca_exp.sweep.loader import SweepLoader

FAILED = float("-inf")


def expected_second_round(first: Jobs, master: DictConfig, loader: SweepLoader) -> Jobs | None:
    """The second round if the first job of each kind were the best: as many as there will be, so that all that is
    wrong with them is reported before the first round begins. None for a sweep of one round.

    Raises:
        ConfigError: if a job would be wrong, or the choice would not be made on validation.
    """
    then = master.hydra.sweeper.then
    if not then.overrides:
        if then.best_of:
            rule = "Nothing says what the best go on with."
            raise ConfigError(
                "hydra.sweeper.then.best_of", list(then.best_of), rule, "Give hydra.sweeper.then.overrides."
            )
        return None
    for job in first.unique:
        if not isinstance(job.config.protocol, HoldoutConfig):
            rule = f"It chooses by accuracy on validation, and protocol={job.config.protocol.name} has none."
            raise ConfigError("hydra.sweeper.then", list(then.best_of), rule, "Search with protocol=holdout.")
    return _round(first, master, loader, lambda jobs: jobs[0])


def second_round(first: Jobs, master: DictConfig, loader: SweepLoader) -> Jobs | None:
    """The second round, None as long as jobs of the first are left to do. A job that failed is a try that is lost."""
    if any(run_state(job.directory).state not in (State.FINISHED, State.FAILED) for job in first.unique):
        return None
    return _round(first, master, loader, _best)


def _round(
    first: Jobs, master: DictConfig, loader: SweepLoader, choose: Callable[[Sequence[SweepJob]], SweepJob | None]
) -> Jobs:
    then, words = master.hydra.sweeper.then, list(master.hydra.overrides.task)
    for key in then.best_of:
        check_known(key, master)
    kinds: dict[str, list[SweepJob]] = {}
    for job in first.unique:
        composed = loader.load_job(master, job.overrides)
        kinds.setdefault(repr([value_of(key, *composed) for key in then.best_of]), []).append(job)
    chosen = [job for job in map(choose, kinds.values()) if job is not None]
    with refusing(then.overrides):
        typed = points(words, loader)[0].keys()
        grid = points([word for word in then.overrides if word.partition("=")[0] not in typed], loader)
    lists = [_merged(job, point) for job in chosen for point in grid]
    return resolve_lists(lists, master, loader)


def _merged(job: SweepJob, point: Point) -> list[str]:
    """The words of a job, with those of the point in their place; another option of a group takes along its keys."""
    words = {word.partition("=")[0]: word for word in job.overrides}
    kept = {key: word for key, word in words.items() if key.partition(".")[0] not in point}
    return list((kept | point).values())


def _best(jobs: Sequence[SweepJob]) -> SweepJob | None:
    """The job with the highest mean over its seeds, the first of those that are level; None if all have failed."""
    groups: dict[str, list[SweepJob]] = {}
    for job in jobs:
        groups.setdefault(job.group, []).append(job)
    scores = {name: mean(map(_score, seeds)) for name, seeds in groups.items()}
    best = max(scores, key=lambda name: scores[name])
    return groups[best][0] if scores[best] > FAILED else None


def _score(job: SweepJob) -> float:
    run = run_state(job.directory)
    return objective(run.record) if run.record and run.state is State.FINISHED else FAILED

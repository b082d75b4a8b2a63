"""A sweep, from the first job to the comparison at its end."""

from __future__ import annotations

import functools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError, RunFailedError
from lkca_exp.config.hydra_private import returned
from lkca_exp.config.machine import available_cpus
from lkca_exp.runs.handover import Handover, Journal
from lkca_exp.runs.lock import hold, is_held
from lkca_exp.runs.record import end_attempt, now, objective
from lkca_exp.runs.run import try_to_write
from lkca_exp.runs.state import ENDED, RunState, State, run_state
from lkca_exp.runs.store import find
from lkca_exp.runs.sweeps import Sweep, note_sweep
from lkca_exp.sweep.estimate import images_trained
from lkca_exp.sweep.jobs import Jobs, SweepJob, resolve
from lkca_exp.sweep.loader import SweepLoader
from lkca_exp.sweep.second_round import expected_second_round, second_round
from lkca_exp.sweep.summary import show_comparison, show_start, show_states
from lkca_exp.training.sinks.wandb import sweep_stays_offline

log = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKS = 1.0


def sweep(master: DictConfig, task_function: TaskFunction, context: HydraContext) -> list[float | None]:
    """Resolve all jobs, launch those without a result, and show how all of them stand and compare; then the same for
    the best of them, where the sweep has a second round.

    Returns:
        The metric of each job, in their order.

    Raises:
        ConfigError: if a job is wrong; nothing has been written then.
        RunFailedError: if some have no result at the end.
    """
    loader = SweepLoader(context.config_loader)
    new_launcher = functools.partial(
        Plugins.instance().instantiate_launcher,
        hydra_context=HydraContext(config_loader=loader, callbacks=context.callbacks),
        task_function=task_function,
        config=master,
    )
    jobs = resolve(master, loader)
    two_rounds = expected_second_round(jobs, master, loader) is not None
    states, reason = _run_round(jobs, loader, new_launcher, master.hydra.launcher, is_search=two_rounds)
    more = second_round(jobs, master, loader) if two_rounds and not reason else None
    rounds = [jobs]
    if more is not None and more.unique:
        log.info("The best on validation go on: %s", ", ".join(job.directory.name for job in more.unique))
        rounds.append(more)
        states += _run_round(more, loader, new_launcher, master.hydra.launcher)[0]
    _show_comparisons(rounds)
    if without := [state for state in states if state.state is not State.FINISHED]:
        raise RunFailedError("the sweep", f"{len(without)} of {len(states)} runs have no result")
    return [objective(state.record) if state.record else None for state in states]


def _show_comparisons(rounds: Sequence[Jobs]) -> None:
    """The report of each round that has results: in brief of a search that has a study of its own, whole of the last
    round."""
    *_, last = rounds
    for jobs in rounds:
        studies = [study for study in jobs.studies if jobs is last or study not in last.studies]
        if studies and any(run_state(job.directory).state is State.FINISHED for job in jobs.unique):
            show_comparison(studies, brief=jobs is not last)


def _run_round(
    jobs: Jobs,
    loader: SweepLoader,
    new_launcher: Callable[[], Launcher],
    settings: DictConfig,
    is_search: bool = False,
) -> tuple[list[RunState], str]:
    """Launch those of the jobs that have no result; `settings` are `hydra.launcher`. Returns the state of all runs, and
    why the sweep stopped early if it did."""
    begun = now()
    are_new = not all(job.directory.exists() for job in jobs.unique)
    to_do = [job for job in jobs.unique if find(job) is None]
    show_start(jobs, to_do)
    reason = ""
    if to_do:
        try_to_write(to_do[0].config)
    if to_do or are_new:
        note_jobs(jobs, is_search)
    if to_do:
        with open_journal(jobs.studies[0]) as journal:
            handover = replace(
                Handover.received(),
                journal=str(journal.path),
                varied_keys=tuple(jobs.varied_keys),
                num_jobs=len(to_do),
                images=sum(images_trained(asdict(job.config)) for job in to_do),
                begun=begun,
                wandb_offline=sweep_stays_offline([job.config.logger for job in to_do]),
            )
            loader.env_set = handover.environment
            at_once = _jobs_at_once(settings, len(to_do))
            refused: list[ConfigError] = []
            try:
                with at_most(len(to_do), settings):
                    launcher = new_launcher()
                reason = _launch_until_done(launcher, to_do, journal, at_once, refused)
            except KeyboardInterrupt:
                _note_interrupted(to_do, begun)
                raise
            if refused and not any(run_state(job.directory).state in ENDED for job in to_do):
                raise refused[0]
    states = [run_state(job.directory) for job in jobs.unique]
    show_states(states, reason)
    return states, reason


@contextmanager
def at_most(num_jobs: int, launcher: DictConfig) -> Iterator[None]:
    """Have joblib's launcher, `hydra.launcher`, start so many processes at most: a job that is alone needs none of its
    own, and has all CPUs."""
    usual = launcher.get("n_jobs") if "n_jobs" in launcher else None
    if usual is not None:
        launcher.n_jobs = min(usual, num_jobs)
    try:
        yield
    finally:
        if usual is not None:
            launcher.n_jobs = usual


def _note_interrupted(jobs: Sequence[SweepJob], begun: str) -> None:
    """Note it in the records of those runs of this sweep whose workers were killed before they could."""
    for job in jobs:
        run = run_state(job.directory)
        if run.state is State.KILLED and run.record and run.record.attempts[-1].started >= begun:
            end_attempt(job.directory, run.record, "interrupted")


def _jobs_at_once(launcher: DictConfig, jobs: int) -> int:
    """How many of the jobs a launcher gets at a time: submitit's local one would start all of them at once."""
    if launcher._target_.endswith(".LocalLauncher"):
        return max(available_cpus() // launcher.cpus_per_task, 1)
    return jobs


def _launch_until_done(
    launcher: Launcher, left: Sequence[SweepJob], journal: Journal, at_once: int, refused: list[ConfigError]
) -> str:
    """Launch jobs until all have ended: what another process holds is waited for, what a dying worker took with it
    launched again, as long as that leads anywhere. Collects in `refused` why jobs could not begin, and returns why the
    sweep stopped early, if it did."""
    epochs_done = -1
    while left:
        raised: set[str] = set()
        for start in range(0, len(left), at_once):
            errors = _launch(launcher, left[start : start + at_once], start)
            raised |= errors.keys()
            refused += [error for error in errors.values() if isinstance(error, ConfigError)]
            reason = journal.reason_to_stop(left[0].config.on_failure)
            if reason:
                return reason
        runs, waited = _wait_for_others([job for job in left if job.id not in raised])
        still = [job for job in left if job.id in runs and runs[job.id].state not in ENDED]
        epochs_before, epochs_done = epochs_done, sum(runs[job.id].epochs_done for job in still)
        if len(still) == len(left) and epochs_done <= epochs_before and not waited:
            break
        left = still
    return ""


def _launch(launcher: Launcher, jobs: Sequence[SweepJob], first: int) -> dict[str, Any]:
    """Launch jobs, the first of which has this number. Returns what was raised, by the job's id."""
    try:
        returns = launcher.launch([list(job.overrides) for job in jobs], initial_job_idx=first)
    except Exception:  # of the launcher's own: a worker was killed, a queue refused
        log.exception("the launcher gave up")
        return {}
    ends = zip(jobs, returns, strict=True)
    errors = [(job, returned(back)) for job, back in ends if back.status is not JobStatus.COMPLETED]
    for job, error in errors:
        if isinstance(error, Exception) and not isinstance(error, ConfigError | RunFailedError):
            log.error("%s ended before its run began", job.name, exc_info=error)
    return {job.id: error for job, error in errors}


def _wait_for_others(jobs: Sequence[SweepJob]) -> tuple[dict[str, RunState], bool]:
    """Wait as long as other processes hold all that is left of the jobs. Returns how each stands, by its id, and
    whether there was anything to wait for."""
    waited = False
    while True:
        runs = {job.id: run_state(job.directory) for job in jobs}
        left = [run.state for run in runs.values() if run.state not in ENDED]
        if not left or any(state is not State.RUNNING for state in left):
            return runs, waited
        if not waited:
            log.info("Waiting for %d runs locked by other processes; Ctrl-C leaves them to it", len(left))
            waited = True
        time.sleep(SECONDS_BETWEEN_CHECKS)


def note_jobs(jobs: Jobs, is_search: bool) -> None:
    """Note in each study which of its runs the sweep is of, with which they are to be compared, and whether the best of
    them go on."""
    for study in jobs.studies:
        here = [job for job in jobs.unique if job.directory.parent == study]
        baseline = next((job.config.report.baseline for job in here if job.config.report.baseline), "")
        note_sweep(study, Sweep(tuple(job.directory.name for job in here), baseline, is_search))


@contextmanager
def open_journal(study: Path) -> Iterator[Journal]:
    """A journal where all processes of the sweep can write, for as long as it lasts. Its folder gets its name once it
    is held, so that one of this name which nobody holds is that of a sweep that was killed."""
    study.mkdir(parents=True, exist_ok=True)
    for folder in study.glob(".sweep-*"):
        if not is_held(folder):
            shutil.rmtree(folder, ignore_errors=True)
    begun = Path(tempfile.mkdtemp(prefix=".begun-", dir=study))
    with hold(begun):
        folder = begun.rename(study / begun.name.replace(".begun-", ".sweep-"))
        try:
            yield Journal(folder.absolute() / "journal.jsonl")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

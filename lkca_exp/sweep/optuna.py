"""An Optuna study that is started again goes on where it was."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs what it imports

import optuna  # noqa: E402
from hydra.core.override_parser.types import IntervalSweep, Override  # noqa: E402
from omegaconf import DictConfig, ListConfig, OmegaConf  # noqa: E402
from optuna.exceptions import OptunaError  # noqa: E402
from optuna.trial import TrialState  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from lkca_exp.config.errors import ConfigError  # noqa: E402
from lkca_exp.runs.find import runs_in  # noqa: E402
from lkca_exp.runs.lock import is_held  # noqa: E402
from lkca_exp.runs.state import ENDED, run_state  # noqa: E402
from lkca_exp.runs.sweeps import Sweep, note_sweep  # noqa: E402
from lkca_exp.sweep.grid import num_values, typed  # noqa: E402

log = logging.getLogger(__name__)


def continue_study(sweeper: DictConfig, folder: Path) -> None:
    """Have `n_trials` count the trials of earlier starts too, and let those that were cut off come first again.

    As long as another process holds a run of the study, the trials under way are taken for its own.

    Args:
        sweeper: `hydra.sweeper`; its `n_trials` becomes the number of trials left.
        folder: of the study, where the storage may want to make a file.

    Raises:
        ConfigError: if the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # that one may enqueue a trial
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            study_name=sweeper.study_name, storage=sweeper.storage, direction=sweeper.direction, load_if_exists=True
        )
    except (SQLAlchemyError, OptunaError, ImportError, ValueError) as error:
        for path in made:
            path.rmdir()
        rule = f"Optuna cannot use it: {str(error).splitlines()[0]}"
        raise ConfigError("hydra.sweeper.storage", sweeper.storage, rule, "null keeps the trials in memory.") from error
    if not any(is_held(run) for run in folder.iterdir()):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
    done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if done:
        log.info("%s: %d of %d trials done before", sweeper.study_name, done, sweeper.n_trials)
    sweeper.n_trials = max(sweeper.n_trials - done, 0)


def note_begin(study: Path, num_runs: int) -> None:
    """Note in the study's folder that a search is to choose and make so many runs."""
    ended = [run.name for run in runs_in(study) if run_state(run).state in ENDED]
    note_sweep(study, Sweep(tuple(ended), search=True, num_unnamed=num_runs))


def note_end(study: Path) -> None:
    """Note the runs of a search by their names, which are known now: trials that chose alike are one run."""
    note_sweep(study, Sweep(tuple(run.name for run in runs_in(study)), search=True))


def check_search(sweeper: DictConfig, overrides: Sequence[Override]) -> None:
    """Check the settings of a search, of which `overrides` are those of the command line and of `params`.

    Raises:
        ConfigError: if they cannot work.
    """
    if OmegaConf.is_missing(sweeper, "sampler"):
        raise ConfigError("hydra/sweeper/sampler", "", "Optuna has no such sampler.", "Leave it at tpe.")
    for name, least, most in (("n_trials", 1, math.inf), ("n_jobs", 1, math.inf), ("max_failure_rate", 0, 1)):
        value = sweeper[name]
        if not least <= value <= most:
            bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
            raise ConfigError(f"hydra.sweeper.{name}", value, f"It must be {bounds}.")
    if isinstance(sweeper.direction, ListConfig) or str(sweeper.direction) not in ("minimize", "maximize"):
        rule = "It is minimize or maximize: a search tunes one metric, accuracy on validation."
        raise ConfigError("hydra.sweeper.direction", sweeper.direction, rule)
    if not sweeper.study_name:
        raise ConfigError("hydra.sweeper.study_name", "''", "A search has a name.", "It is the study's if left alone.")
    swept = [override for override in overrides if override.is_sweep_override()]
    if not swept and not sweeper.search_space and not sweeper.custom_search_space:
        rule = "No key is searched."
        raise ConfigError(
            "hydra/sweeper", "optuna", rule, "Add an interval or a list, as in optim.lr=interval(1e-4,1e-2)."
        )
    for override in swept:
        interval = override.value()
        if not isinstance(interval, IntervalSweep):
            num_values(override)
        elif not float(interval.start or 0) < float(interval.end or 0):
            raise ConfigError(*typed(override), "The interval is empty: it ends before it begins.")


def near_ends(override: Override) -> list[str]:
    """Words that give the key of an interval a value near its lower and its upper end; none for other overrides."""
    interval = override.value()
    if not isinstance(interval, IntervalSweep):
        return []
    assert interval.start is not None
    assert interval.end is not None
    ends: tuple[float, float] = (interval.start, interval.end)
    if not all(isinstance(end, int) for end in ends):
        margin = (ends[1] - ends[0]) / 100
        ends = (ends[0] + margin, ends[1] - margin)
    return [f"{override.get_key_element()}={end}" for end in ends]

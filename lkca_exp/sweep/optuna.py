"""An Optuna study that is started again goes on where it was."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs what it imports

import optuna  # noqa: E402
from omegaconf import DictConfig  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from lkca_exp.runs.lock import is_held  # noqa: E402

log = logging.getLogger(__name__)


def continue_study(sweeper: DictConfig, folder: Path) -> None:
    """Have `n_trials` count the trials of earlier starts too, and let those that were cut off come first again.

    As long as another process holds a run of the study, the trials under way are taken for its own.

    Args:
        sweeper: `hydra.sweeper`; its `n_trials` becomes the number of trials left.
        folder: of the study, where the storage may want to make a file.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # that one may enqueue a trial
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=sweeper.study_name, storage=sweeper.storage, direction=sweeper.direction, load_if_exists=True
    )
    if not any(is_held(run) for run in folder.iterdir()):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
    done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if done:
        log.info("%s: %d of %d trials done before", sweeper.study_name, done, sweeper.n_trials)
    sweeper.n_trials = max(sweeper.n_trials - done, 0)

"""An Optuna study that is started again goes on where it was."""

from __future__ import annotations

import logging
from pathlib import Path

import optuna
from omegaconf import DictConfig
from optuna.trial import TrialState

log = logging.getLogger(__name__)


def continue_study(sweeper: DictConfig, folder: Path) -> None:
    """Have `n_trials` count the trials of earlier starts too, and let those that were cut off come first again.

    Args:
        sweeper: `hydra.sweeper`; its `n_trials` becomes the number of trials left.
        folder: of the study, where the storage may want to make a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=sweeper.study_name, storage=sweeper.storage, direction=sweeper.direction.name, load_if_exists=True
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if done:
        log.info("%s: %d of %d trials done before", sweeper.study_name, done, sweeper.n_trials)
    sweeper.n_trials = max(sweeper.n_trials - done, 0)

"""Other sweepers than ours: Optuna, which tunes and continues, and Hydra's basic one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from lkca_exp.runs.sweeps import Sweep, num_not_started, read_sweeps
from lkca_exp.sweep.optuna import note_begin, note_end
from tests.conftest import TINY, environment
from tests.interrupted import losing_the_gpu
from tests.report.conftest import write_run

OPTUNA = ["-m", *TINY, "hydra/sweeper=optuna", "optim.lr=interval(0.0005,0.01)"]


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """Reads the trials of the study `default`, which stand in a file of its folder."""
    monkeypatch.chdir(tmp_path)
    return lambda: optuna.load_study("default", "sqlite:///runs/default/optuna.db").trials


def records(tmp_path: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in tmp_path.glob("runs/default/*/run.json")]


@pytest.mark.slow
def test_after_a_lost_gpu_a_search_goes_on_in_another_process(cli, tmp_path, trials):
    second = 'len([*Path("runs/default").glob("*-s*")]) == 2'
    (tmp_path / "sitecustomize.py").write_text(losing_the_gpu(second))
    done = cli(*OPTUNA, "hydra.sweeper.n_trials=4", PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}")
    assert "the sweep goes on in a new process" in done.stdout + done.stderr
    # The trial that lost it is tried again, which its sweep refuses.
    assert [trial.state.name for trial in trials()] == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials()[1].params == trials()[2].params
    assert sorted(record["status"] for record in records(tmp_path)) == ["failed", *["finished"] * 3]
    assert done.returncode == 0  # a failed trial is part of a search


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_trial_it_was_at(cli, tmp_path, trials):
    args = [*OPTUNA, "data.fraction=1", "epochs=25", "hydra.sweeper.n_trials=4"]
    process = subprocess.Popen([sys.executable, "-m", "lkca_exp", *args], cwd=tmp_path, env=environment())
    deadline = time.monotonic() + 120
    rows: list[int] = []
    while not (len(rows) == 2 and min(rows) >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
        rows = [len(file.read_text().splitlines()) for file in tmp_path.glob("runs/default/*/metrics.jsonl")]
    process.kill()
    process.wait()
    second = trials()[1]
    assert second.state is TrialState.RUNNING

    assert cli(*args).returncode == 0
    assert [trial.state.name for trial in trials()] == ["COMPLETE", "FAIL", *["COMPLETE"] * 3]
    assert trials()[2].params == second.params
    ends = sorted([attempt["status"] for attempt in record["attempts"]] for record in records(tmp_path))
    assert ends == [["finished"]] * 3 + [["killed", "finished"]]
    (continued,) = (record for record in records(tmp_path) if len(record["attempts"]) == 2)
    assert continued["attempts"][1]["from_epoch"] >= 1  # a row is there before its checkpoint

    again = cli(*args)
    assert again.returncode == 0
    assert "4 of 4 trials done before" in again.stdout
    assert "Best parameters: {'optim.lr': " in again.stdout
    assert "aunching" not in again.stdout
    assert len(trials()) == 5


@pytest.mark.slow
def test_seeds_are_repeats_whose_mean_is_tuned(cli, tmp_path, trials):
    assert cli(*OPTUNA, "seeds=3", "hydra.sweeper.n_trials=1").returncode == 0
    runs = records(tmp_path)
    assert sorted(record["seed"] for record in runs) == [0, 1, 2]
    (trial,) = trials()
    assert trial.params.keys() == {"optim.lr"}
    begun, ended = read_sweeps(tmp_path / "runs" / "default")
    assert begun == Sweep((), search=True, num_unnamed=3)
    assert sorted(ended.jobs) == sorted(path.parent.name for path in tmp_path.glob("runs/default/*/run.json"))
    assert trial.value == pytest.approx(statistics.fmean(record["metrics"]["val/top1"] for record in runs))


@pytest.mark.slow
def test_a_failed_trial_does_not_end_the_search(cli, tmp_path, trials):
    (tmp_path / "runs" / "default").mkdir(parents=True)
    study = optuna.create_study("sqlite:///runs/default/optuna.db", study_name="default", direction="maximize")
    for lr in (1e30, 1e-3):
        study.enqueue_trial({"optim.lr": lr})
    words = ["optim.lr=interval(0.001,1e30)", "optim.clip_norm=null", "optim.warmup_epochs=0"]
    done = cli("-m", *TINY, "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", *words)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 jobs done, about " in done.stdout
    assert [trial.state.name for trial in trials()] == ["FAIL", "COMPLETE"]
    assert "Best parameters: {'optim.lr': 0.001}" in done.stdout


def test_what_has_not_ended_when_a_search_begins_is_still_to_come(tmp_path):
    for seed, (status, top1) in enumerate((("finished", 0.9), ("failed", None), ("interrupted", None))):
        study = write_run(tmp_path, "lkca", seed, top1, status=status).parent
    note_begin(study, 3)
    assert num_not_started(study) == 2, "the third is continued"
    note_end(study)
    assert num_not_started(study) == 0, "trials that chose alike are one run"
    assert len(read_sweeps(study)[-1].jobs) == 3


def test_a_wrong_start_is_refused_before_anything_is_written(in_process, tmp_path):
    done = in_process(*OPTUNA, "model.mixer.kernel_size=4")
    assert done.returncode == 2
    assert "model.mixer.kernel_size=4" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_ours_is_laid_over_what_the_plugin_brings(in_process):
    shown = in_process("--cfg", "hydra", "-p", "hydra.sweeper", "hydra/sweeper=optuna")
    assert "validated against ConfigStore" not in shown.stderr
    for line in ("direction: maximize", "n_jobs: 1", "max_failure_rate: 1.0", "search_space: null", "optuna.db"):
        assert line in shown.stdout


@pytest.mark.slow
def test_hydras_basic_sweeper_ends_with_the_comparison(cli, tmp_path):
    done = cli("-m", *TINY, "hydra/sweeper=basic", "seed=0,1")
    assert done.returncode == 0, done.stderr
    assert len(records(tmp_path)) == 2
    assert "n = 2" in done.stdout
    assert (tmp_path / "runs" / "default" / "report" / "index.html").exists()

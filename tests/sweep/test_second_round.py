"""Sweeps whose best jobs go on."""

from __future__ import annotations

import json

import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.runs.sweeps import read_sweeps
from lkca_exp.sweep.jobs import resolve
from lkca_exp.sweep.second_round import expected_second_round, second_round
from tests.conftest import TINY

SEARCH = ["model/mixer=attention,lkca", "optim.lr=1e-3,2e-3"]
BEST = "hydra.sweeper.then.best_of=[model/mixer]"


def go_on_with(*words: str) -> str:
    return f"hydra.sweeper.then.overrides={[*words]}"


def test_the_round_is_expected_with_as_many_jobs_as_there_will_be(multirun, loader):
    master = multirun(*SEARCH, "protocol.validation_fraction=0.2", BEST, go_on_with("protocol=final", "seed=1,2,3"))
    jobs = resolve(master, loader)
    expected = expected_second_round(jobs, master, loader)
    assert expected is not None
    got = [(one.config.model.mixer.name, one.config.protocol.name, one.config.seed) for one in expected.unique]
    assert got == [(mixer, "final", seed) for mixer in ("attention", "lkca") for seed in (1, 2, 3)]
    assert second_round(jobs, master, loader) is None, "nothing has been trained"


def test_the_command_line_has_the_last_word(multirun, loader):
    master = multirun(*SEARCH, "study=mine", BEST, go_on_with("study=theirs", "seed=1"))
    expected = expected_second_round(resolve(master, loader), master, loader)
    assert {one.directory.parent.name for one in expected.unique} == {"mine"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*SEARCH, "protocol=final", BEST, go_on_with("seed=1")], "Search with protocol=holdout"),
        ([*SEARCH, "hydra.sweeper.then.best_of=[model/mixr]", go_on_with("seed=1")], "no such key"),
        ([*SEARCH, BEST, go_on_with("epochs=-1")], r"(?s)epochs.*In job #0 of 2"),
        ([*SEARCH, BEST], "what the best go on with"),
        ([*SEARCH, BEST, go_on_with("optim.lrr=1")], "(?s)lrr.*no such key"),
    ],
)
def test_what_is_wrong_with_it_is_told_first(words, message, multirun, loader):
    master = multirun(*words)
    with pytest.raises(ConfigError, match=message):
        expected_second_round(resolve(master, loader), master, loader)


def test_the_best_of_each_goes_on_and_a_failure_is_a_lost_try(in_process, tmp_path):
    search = ["model/mixer=attention,lkca", "optim.lr=1e-9,5e-3,1e30", "optim.clip_norm=null", "optim.warmup_epochs=0"]
    args = ["-m", *TINY, *search, BEST, go_on_with("study=chosen", "protocol=final", "seed=1,2")]
    done = in_process(*args)
    assert done.returncode == 1, "two have diverged"
    assert "2 of 10 runs have no result" in done.stderr
    chosen = [json.loads(file.read_text()) for file in (tmp_path / "runs" / "chosen").glob("*/run.json")]
    assert {record["status"] for record in chosen} == {"finished"}
    assert {record["config"]["optim"]["lr"] for record in chosen} == {5e-3}
    assert {(record["config"]["model"]["mixer"]["name"], record["config"]["seed"]) for record in chosen} == {
        (mixer, seed) for mixer in ("attention", "lkca") for seed in (1, 2)
    }
    assert {record["config"]["protocol"]["name"] for record in chosen} == {"final"}
    for study in ("default", "chosen"):
        assert (tmp_path / "runs" / study / "report" / "index.html").exists()
        assert f"runs/{study}/report/index.html" in done.stdout
    assert done.stdout.count("Best of 4 trials") == 1
    assert [sweep.search for sweep in read_sweeps(tmp_path / "runs" / "default")] == [True]
    assert [sweep.search for sweep in read_sweeps(tmp_path / "runs" / "chosen")] == [False]

    output = in_process("plan", *args, module="lkca_exp.runs").stdout
    assert "The best of them on validation go on:" in output
    assert "4 jobs: 4 done" in output

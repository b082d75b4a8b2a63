"""Wrong arguments of the commands beside training are answered before anything is read or measured."""

from __future__ import annotations

import pytest

REFUSED = {
    "evaluate into a folder": ("evaluate", ["run", "--json", "."], "It is a folder"),
    "efficiency into a folder": ("analysis", ["efficiency", "--json", "."], "It is a folder"),
    "efficiency of nothing": ("analysis", ["efficiency", "model/mixer=glob(zz*)"], "no job"),
    "efficiency of a wrong model": ("analysis", ["efficiency", "model.mixer.kernel_size=4"], "odd"),
    "no rounds": ("analysis", ["efficiency", "--rounds", "0"], "a whole number from 1 on"),
    "bench into no folder": ("bench", ["op", "--json", "nope/figures.json"], "is no folder that may be written"),
    "bench without rounds": ("bench", ["train", "--rounds", "-1"], "a whole number from 1 on"),
    "grid below zero": ("bench", ["op", "--grid", "-1"], "a whole number from 1 on"),
    "even kernel": ("bench", ["op", "--kernel", "4"], "a side is odd"),
    "preview into a folder": ("data", ["preview", "--out", "."], "It is a folder"),
    "preview of a sweep": ("data", ["preview", "seed=1,2"], "Several values make a sweep"),
    "list of a word": ("data", ["list", "digits"], "data.root=DIR and no other word"),
    "list of a file": ("data", ["list", "data.root=/dev/null"], "It is not a folder"),
    "no data set": ("data", ["fetch", "cifar"], "Did you mean cifar10"),
    "rerun without a name": ("runs", ["rerun", "run", "--study", ""], "a study has a name"),
    "flag of plan": ("runs", ["plan", "--multirum"], "Did you mean --multirun"),
    "plan of a million": ("runs", ["plan", "seed=range(1000000)"], "1,000,000 jobs"),
}
SEARCHES = {
    "no trials": (["hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0"),
    "no jobs": (["hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0"),
    "failure rate": (["hydra.sweeper.max_failure_rate=3"], "from 0 to 1"),
    "direction": (["hydra.sweeper.direction=up"], "minimize or maximize"),
    "two directions": (["hydra.sweeper.direction=[maximize,minimize]"], "tunes one metric"),
    "no URL": (["hydra.sweeper.storage=nope"], "hydra.sweeper.storage=nope"),
    "no database": (["hydra.sweeper.storage=sqlite:////proc/nope.db"], "unable to open database file"),
    "no driver": (["hydra.sweeper.storage=postgresql://host/x"], "hydra.sweeper.storage=postgresql"),
    "no name": (["hydra.sweeper.study_name=''"], "A search has a name"),
    "no sampler": (["hydra/sweeper/sampler=foo"], "hydra/sweeper/sampler"),
    "backwards": (["optim.lr=interval(1,0)"], "The interval is empty"),
    "out of bounds": (["optim.lr=interval(-1,1)"], "optim.lr=-0.98"),
    "empty range": (["seed=range(0)"], "no job"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused(in_process, tmp_path, name):
    module, args, words = REFUSED[name]
    done = in_process(*args, module=f"lkca_exp.{module}")
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SEARCHES)
def test_a_wrong_search_leaves_neither_folder_nor_storage(in_process, tmp_path, name):
    args, words = SEARCHES[name]
    done = in_process("-m", "hydra/sweeper=optuna", "optim.lr=interval(0.0005,0.01)", *args)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_search_of_nothing(in_process, tmp_path):
    done = in_process("-m", "hydra/sweeper=optuna")
    assert (done.returncode, "No key is searched" in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_storage_is_refused_and_kept(in_process, tmp_path):
    storage = tmp_path / "runs" / "default" / "optuna.db"
    storage.parent.mkdir(parents=True)
    storage.write_bytes(b"not a database" * 100)
    done = in_process("-m", "hydra/sweeper=optuna", "optim.lr=interval(0.0005,0.01)")
    assert (done.returncode, "file is not a database" in done.stderr) == (2, True), done.stderr
    assert storage.read_bytes() == b"not a database" * 100


def test_list_takes_the_key_that_others_take(in_process):
    done = in_process("list", "data.root=elsewhere", module="lkca_exp.data")
    assert done.returncode == 0, done.stderr
    assert "digits" in done.stdout

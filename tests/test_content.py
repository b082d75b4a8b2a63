"""Runs on files that are not the published ones: planned, trained, found again, trained once more, tested elsewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lkca_exp.cli.evaluate import main
from lkca_exp.cli.runs import main as runs
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import compose
from lkca_exp.data import content, store
from lkca_exp.data.content import run_of
from lkca_exp.engine.evaluate import evaluate
from lkca_exp.engine.lifecycle import train
from lkca_exp.engine.rerun import rerun
from lkca_exp.runs import record as records
from lkca_exp.runs.run import Run
from lkca_exp.runs.state import State, run_state
from lkca_exp.runs.store import find
from lkca_exp.sweep.jobs import jobs_of
from lkca_exp.sweep.plan import plan
from tests.conftest import TINY
from tests.data.published import write_svhn
from tests.runs.conftest import change

RUN = [*TINY, "data=svhn", "data.verify=false", "data.fraction=1", "model/mixer=attention", "epochs=1", "batch_size=8"]


@pytest.fixture(autouse=True)
def another_process(monkeypatch, tmp_path):
    """Each test asks as a new process does, in an empty working folder."""
    monkeypatch.setattr(store, "_contents", {})
    monkeypatch.chdir(tmp_path)


def forget(monkeypatch) -> None:
    monkeypatch.setattr(store, "_contents", {})


def composed(*overrides: str) -> Run:
    return run_of(compose([*RUN, *overrides]))


def trained(*overrides: str) -> Path:
    job = composed(*overrides)
    assert train(job) is not None
    return job.directory


@pytest.fixture
def folder() -> Path:
    """A run on a small SVHN, trained for real."""
    write_svhn(Path("data/svhn"))
    return trained()


def test_the_record_says_what_was_read(folder, capsys):
    record = records.read(folder)
    job = composed()
    assert record.derived["data_content"] == job.derived.data_content is not None
    assert len(record.warnings) == 3
    assert find(job) == record
    runs(["show", str(folder)])
    assert re.search(rf"data.content +{job.derived.data_content[:12]}\s", capsys.readouterr().out)


def test_a_finished_run_is_found_wherever_the_same_files_lie(folder, cli):
    """And its record is returned without torch."""
    shutil.move("data/svhn", "elsewhere")
    done = cli(*RUN, "data.archive=elsewhere", "data.root=other", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr
    assert f"{folder.name}: finished before" in done.stdout
    done = cli(*RUN, "data.archive=elsewhere", "data.root=other", PYTHONPROFILEIMPORTTIME="1")  # packed by the first
    assert f"{folder.name}: finished before" in done.stdout
    assert not re.search(r"\|\s+torch$", done.stderr, re.MULTILINE)


def test_other_files_are_another_run(folder, monkeypatch, capsys):
    write_svhn(Path("data/svhn"), per_class=2)
    forget(monkeypatch)
    other = trained()
    assert other != folder
    runs(["diff", str(folder), str(other)])
    assert "data.content" in capsys.readouterr().out


def test_files_that_change_at_the_last_moment_are_what_the_record_says(folder):
    """Such as by a process that replaces them between the plan of a sweep and this job."""
    planned = composed("seed=1")
    write_svhn(Path("data/svhn"), per_class=2)
    train(planned)
    assert not planned.directory.exists()
    (other,) = Path("runs/default").glob("*-s1-*")
    assert records.read(other).derived["data_content"] not in (planned.derived.data_content, None)


def test_a_sweep_names_its_jobs_by_what_they_read(monkeypatch):
    write_svhn(Path("one"))
    shutil.copytree("one", "copy")
    write_svhn(Path("other"), per_class=2)
    jobs = jobs_of([*RUN, "data.archive=one,copy,other", "seed=range(2)"])
    assert [one.overrides[-2] for one in jobs.unique] == ["data.archive=one"] * 2 + ["data.archive=other"] * 2
    assert len(jobs.duplicates) == 2
    forget(monkeypatch)
    again = jobs_of([*RUN, "data.archive=copy", "seed=range(2)"])
    assert [one.id for one in again.unique] == [one.id for one in jobs.unique[:2]]


def test_a_sweep_is_refused_where_a_job_has_no_files():
    write_svhn(Path("one"))
    with pytest.raises(ConfigError, match=r"(?s)no such file or folder .*In job #1 of 2: .*data.archive=two"):
        jobs_of([*RUN, "data.archive=one,two"])


def test_many_jobs_read_the_files_once(monkeypatch):
    write_svhn(Path("data/svhn"))
    asked = []
    arrays = store.arrays_of
    monkeypatch.setattr(store, "arrays_of", lambda data: asked.append(data) or arrays(data))
    assert len(jobs_of([*RUN, "seed=range(20)"]).unique) == 20
    assert len(asked) == 1


def test_a_plan_finds_what_is_finished(folder, monkeypatch, capsys):
    plan([*RUN, "seed=0,1"])
    assert "2 jobs: 1 done, 1 missing" in capsys.readouterr().out
    write_svhn(Path("data/svhn"), per_class=2)
    forget(monkeypatch)
    plan([*RUN, "seed=0,1"])
    assert "2 jobs: 2 missing" in capsys.readouterr().out


def test_it_is_trained_once_more_on_the_same_files_only(folder, monkeypatch, caplog):
    caplog.set_level("INFO")
    rerun(folder)
    assert f"{folder.name}: every number is as it was before" in caplog.messages
    before = (folder / "run.json").read_bytes()
    write_svhn(Path("data/svhn"), per_class=2)
    forget(monkeypatch)
    with pytest.raises(ConfigError, match=r"trained on files of content [0-9a-f]{12}, which are not there") as caught:
        rerun(folder)
    assert (caught.value.key, caught.value.value) == ("data.root", "data")
    assert (folder / "run.json").read_bytes() == before


def test_a_run_on_the_published_set_is_not_trained_on_others(folder, monkeypatch):
    record = records.read(folder)
    change(folder, derived=record.derived | {"data_content": None})
    with pytest.raises(ConfigError, match=r"trained on the published svhn; these files are others \(content"):
        rerun(folder)


def test_an_older_record_does_not_say_what_it_was_trained_on(folder):
    record = records.read(folder)
    derived = {key: value for key, value in record.derived.items() if key != "data_content"}
    change(folder, derived=derived)
    content.check_content(records.read(folder), composed().config.data)
    assert evaluate(run_state(folder))["images"] == 30


def test_where_the_files_are_gone_the_record_stays_and_copies_serve(folder, monkeypatch, capsys):
    shutil.move("data/svhn", "copy")
    write_svhn(Path("variant"), per_class=2)
    shutil.rmtree("data")
    forget(monkeypatch)
    assert run_state(folder).state is State.FINISHED
    for command in (rerun, lambda run: evaluate(run_state(run))):
        with pytest.raises(ConfigError, match="which are not there"):
            command(folder)
    assert not Path("data").exists(), "nothing is downloaded in their place"
    recorded = records.read(folder).metrics["test/top1"]
    main([str(folder), "data.archive=copy"])
    printed = capsys.readouterr()
    assert f"30 images of svhn, test\ntop-1 {100 * recorded:.2f} %" in printed.out
    assert "not the files" not in printed.err
    main([str(folder), "data.archive=variant"])
    printed = capsys.readouterr()
    assert "20 images of svhn, test" in printed.out
    assert "these are not the files of svhn that it was trained on" in printed.err

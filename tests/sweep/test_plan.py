"""What a sweep would do, without doing any of it."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import asdict, replace

import pytest

from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.runs.record import Record, Timings, read_finished
from lkca_exp.runs.run import new_record
from lkca_exp.sweep.estimate import Estimate, images_trained
from lkca_exp.sweep.plan import duration
from tests.conftest import TINY
from tests.test_run import start_and_stop


def plan(cli, *words: str) -> str:
    done = cli("plan", *words, module="lkca_exp.runs")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_there_yet_and_nothing_is_written(in_process, tmp_path):
    output = plan(in_process, "-m", *TINY, "model/mixer=attention,lkca", "seed=0,1")
    assert not list(tmp_path.iterdir())
    assert "4 jobs: 4 missing" in output
    assert "Nothing comparable to 4 of the jobs has finished" in output


@pytest.mark.slow
def test_every_state_a_job_can_be_in(cli, tmp_path):
    diverging = ["optim.clip_norm=null", "optim.warmup_epochs=0"]
    args = [*TINY, *diverging, "data.fraction=1", "epochs=20"]
    assert start_and_stop(tmp_path, [*args, "seed=1", "optim.lr=1e-3"], 3, signal.SIGKILL) == -signal.SIGKILL
    assert cli(*args, "seed=0", "optim.lr=1e-3").returncode == 0
    assert cli(*args, "seed=2", "optim.lr=1e30").returncode == 1
    assert cli(*args, "seed=3", "optim.lr=1e-3", "study=other").returncode == 0
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*"))
    output = plan(cli, "-m", *args, "seed=0,0,1,2,3", "optim.lr=1e-3,1e30")
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*")) == before
    states = dict(re.findall(r"(seed=\d optim.lr=\S+) +(done in other|done|part-way|failed|missing)", output))
    assert states == {
        "seed=0 optim.lr=0.001": "done",
        "seed=1 optim.lr=0.001": "part-way",
        "seed=2 optim.lr=0.001": "missing",
        "seed=3 optim.lr=0.001": "done in other",
        "seed=0 optim.lr=1e+30": "missing",
        "seed=1 optim.lr=1e+30": "missing",
        "seed=2 optim.lr=1e+30": "failed",
        "seed=3 optim.lr=1e+30": "missing",
    }
    assert re.search(r"part-way, epoch \d+ of 20", output)
    (total,) = re.findall(r"^8 jobs: (.*)$", output, re.MULTILINE)
    assert sorted(total.split(", ")) == ["1 failed", "1 part-way", "2 done", "4 missing"]
    assert output.count("would repeat another") == 2
    assert re.search(r"Time left, one after the other, judged from finished runs: \d+ s", output)
    (finished,) = (record for path in tmp_path.rglob("*-s0-*/run.json") if (record := read_finished(path.parent)))
    assert output.count(f" {finished.model['parameters']:,} ") == len(states)


def test_a_wrong_job_and_a_sweeper_without_a_plan_are_refused(in_process):
    done = in_process("plan", "-m", "model.mixer.kernel_size=3,4", module="lkca_exp.runs")
    assert (done.returncode, "job #1 of 2" in done.stderr) == (2, True)
    done = in_process("plan", "-m", "hydra/sweeper=basic", module="lkca_exp.runs")
    assert (done.returncode, "not known beforehand" in done.stderr) == (2, True)


def settings(job, *overrides: str) -> dict:
    return asdict(job(*overrides).config)


@pytest.fixture
def finished(job) -> Record:
    made = job("data.fraction=1", "epochs=10")
    record = new_record(run_of(made))
    return replace(record, group="a", timings=Timings(seconds=30.0), model={"flops_per_image": 100})


def test_a_run_takes_as_long_as_others_of_its_group(finished):
    records = [finished, replace(finished, timings=Timings(seconds=50.0))]
    assert Estimate(records).seconds("a", finished.config, 100) == 40.0


def test_another_model_takes_longer_by_its_operations_images_and_epochs(finished, job):
    estimate = Estimate([finished])
    assert estimate.seconds("b", finished.config, 300) == pytest.approx(90)
    assert estimate.seconds("b", settings(job, "data.fraction=0.5", "epochs=20"), 100) == pytest.approx(30)
    assert Estimate([]).seconds("b", finished.config, 100) is None


def test_a_model_of_timm_is_judged_by_its_like(finished):
    config = asdict(compose(["model=resnet18", "epochs=10"]).config)
    slow = replace(finished, group="c", config=config, timings=Timings(seconds=60.0))
    assert Estimate([finished, slow]).seconds("b", config, 200) == pytest.approx(120)
    assert Estimate([finished]).seconds("b", config, 200) == pytest.approx(60)


def test_images_trained(job):
    assert images_trained(settings(job, "data.fraction=1", "epochs=2")) == 2 * 1437
    assert images_trained(settings(job, "data.fraction=1", "data.images_per_class=5", "epochs=2")) == 100
    assert json.dumps(settings(job)), "as it stands in a record"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "?"), (0.0, ""), (40.4, "40 s"), (99.0, "99 s"), (700.0, "12 min"), (12000.0, "3 h 20 min")],
)
def test_durations(seconds, expected):
    assert duration(seconds) == expected


def test_experiments_of_a_folder_of_ones_own_are_planned(in_process, tmp_path):
    file = tmp_path / "mine" / "experiment" / "wide.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      model.width: 16,32\n"
    )
    assert "2 jobs: 2 missing" in plan(in_process, "--config-dir", str(file.parents[1]), "-m", "+experiment=wide")
    refused = in_process("plan", "--config-dir=nope", module="lkca_exp.runs")
    assert (refused.returncode, "--config-dir=nope" in refused.stderr) == (2, True)

"""Sweeps under each of Hydra's launchers: run, interrupted, killed, started again."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from lkca_exp.config.job import conf_dir
from lkca_exp.config.schema import register
from lkca_exp.sweep.loader import SweepLoader
from tests.conftest import TINY, environment

RAY = ["hydra.launcher.ray.init.num_cpus=2", "hydra.launcher.ray.init.object_store_memory=100000000"]
JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
LONG = ["-m", *TINY, "data.fraction=1", "epochs=40", *JOBLIB]


def records(study: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(study.glob("*/run.json"))]


def attempts(study: Path) -> list[list[str]]:
    return [[attempt["status"] for attempt in record["attempts"]] for record in records(study)]


class Sweep:
    """A sweep in a session of its own, some epochs under way."""

    def __init__(self, folder: Path, *args: str, runs: int = 2) -> None:
        command = [sys.executable, "-m", "lkca_exp", *args]
        self.process = subprocess.Popen(command, cwd=folder, env=environment(), start_new_session=True)
        self.study = folder / "runs" / "default"
        self.wait_for(lambda: self.epochs().count(True) >= runs)

    def epochs(self) -> list[bool]:
        return [len(file.read_text().splitlines()) >= 2 for file in self.study.glob("*/metrics.jsonl")]

    def wait_for(self, condition) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def members(self) -> list[int]:
        """Processes of the session that have not ended."""
        listed = subprocess.run(["ps", "-eo", "pid=,sid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listed.splitlines()]
        return [int(pid) for pid, session, state in rows if int(session) == self.process.pid and state[0] != "Z"]

    def worker(self) -> int:
        return records(self.study)[0]["attempts"][-1]["pid"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=basic"],
        JOBLIB,
        ["hydra/launcher=submitit_local"],
        ["hydra/launcher=ray", *RAY],
    ],
    ids=lambda words: words[0].partition("=")[2],
)
def test_a_sweep_runs_and_started_again_launches_nothing(cli, tmp_path, launcher):
    args = ["-m", *TINY, *launcher, "seed=0,1"]
    done = cli(*args)
    assert done.returncode == 0, done.stderr
    assert "2 jobs, 0 finished before, 2 to do" in done.stdout
    assert [record["status"] for record in records(tmp_path / "runs" / "default")] == ["finished", "finished"]
    assert "n = 2" in done.stdout
    again = cli(*args)
    assert again.returncode == 0, again.stderr
    assert "2 jobs, 2 finished before, 0 to do" in again.stdout
    assert "aunching" not in again.stdout
    assert "Submitit" not in again.stdout
    assert "n = 2" in again.stdout


@pytest.mark.slow
def test_submitit_starts_as_many_jobs_as_there_are_cpus(cli, tmp_path):
    cpus = len(os.sched_getaffinity(0))
    words = ["hydra/launcher=submitit_local", f"hydra.launcher.cpus_per_task={cpus}", "seed=0,1"]
    done = cli("-m", *TINY, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Submitit 'local'") == 2
    assert {record["device"]["threads"] for record in records(tmp_path / "runs" / "default")} == {cpus}


def test_what_slurm_is_asked_for(cli, tmp_path):
    """With a queue that keeps what it is given and then refuses it."""
    for name, script in (("srun", "exit 0"), ("sbatch", f"cp $1 {tmp_path}/submitted.sh; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    words = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=short", "seed=0,1"]
    done = cli("-m", *TINY, *words, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "2 of 2 runs have no result" in done.stderr
    asked = (tmp_path / "submitted.sh").read_text()
    for line in ("array=0-1%2", "cpus-per-task=4", "gpus-per-node=1", "partition=short", "time=1440"):
        assert f"#SBATCH --{line}\n" in asked


def test_slurm_is_refused_where_there_is_none(in_process, tmp_path):
    done = in_process("-m", *TINY, "hydra/launcher=submitit_slurm", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "srun is not found" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("choice", "package"),
    [
        ("hydra/launcher=ray", "hydra_ray_launcher"),
        ("hydra/launcher=submitit_slurm", "hydra_submitit_launcher"),
        ("hydra/sweeper=optuna", "hydra_optuna_sweeper"),
    ],
)
def test_an_extra_that_is_missing_is_named(cli, tmp_path, choice, package):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules['hydra_plugins.{package}'] = None\n")
    done = cli("-m", *TINY, choice, PYTHONPATH=f"{tmp_path}:{conf_dir().parent}", PYTHONWARNINGS="ignore")
    assert done.returncode == 2
    assert f'pip install "lkca-exp[{package.split("_")[1]}]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("word", "expected"), [("hydra.launcher.n_job=2", "no such key"), ("hydra.launcher.n_jobs=some", "Integer")]
)
def test_a_launchers_keys_are_checked(in_process, word, expected):
    done = in_process("-m", "hydra/launcher=joblib", word)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "--cfg hydra" in done.stderr


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(tmp_path, cli):
    sweep = Sweep(tmp_path, *LONG, "seed=0,1,2")
    os.kill(sweep.worker(), signal.SIGKILL)
    assert sweep.process.wait(timeout=240) == 0
    first, *_ = attempts(sweep.study)
    assert first == ["killed", "finished"]
    assert len(attempts(sweep.study)) == 3
    alone = ["-m", *TINY, "data.fraction=1", "epochs=40", "seed=0,1,2", "paths.runs=alone"]
    assert cli(*alone).returncode == 0
    for folder in sweep.study.glob("digits-*"):
        for name in ("metrics.jsonl", "weights.safetensors"):
            other = tmp_path / "alone" / "default" / folder.name / name
            assert (folder / name).read_bytes() == other.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_leaves_no_worker_behind(tmp_path, how):
    sweep = Sweep(tmp_path, *LONG, "seed=0,1,2")
    sweep.process.send_signal(how)
    assert sweep.process.wait(timeout=60) == 130
    sweep.wait_for(lambda: not sweep.members())
    assert attempts(sweep.study) == [["interrupted"], ["interrupted"]]


@pytest.mark.slow
def test_workers_end_with_a_killed_sweep(tmp_path):
    sweep = Sweep(tmp_path, *LONG, "seed=0,1,2")
    sweep.process.kill()
    sweep.process.wait()
    sweep.wait_for(lambda: not sweep.members())
    assert attempts(sweep.study) == [["interrupted"], ["interrupted"]]


@pytest.mark.slow
def test_two_starts_of_one_sweep_do_every_run_once(tmp_path):
    args = [sys.executable, "-m", "lkca_exp", "-m", *TINY, *JOBLIB, "seed=range(4)"]
    both = [subprocess.Popen(args, cwd=tmp_path, env=environment()) for _ in range(2)]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    assert attempts(tmp_path / "runs" / "default") == [["finished"]] * 4


@pytest.mark.slow
def test_distributed_runs_are_swept_interrupted_and_tell_their_errors(cli, tmp_path):
    args = ["-m", *TINY, "trainer=ddp", "seed=0,1"]
    done = cli(*args)
    assert done.returncode == 0, done.stderr
    assert [record["device"]["count"] for record in records(tmp_path / "runs" / "default")] == [2, 2]
    wrong = ["optim.lr=1e30", "optim.clip_norm=null", "optim.warmup_epochs=0", "study=wrong"]
    assert cli(*TINY, "trainer=ddp", *wrong).returncode == 1
    (failed,) = records(tmp_path / "runs" / "wrong")
    assert failed["error"]["type"] == "FloatingPointError"
    assert failed["error"]["message"].startswith("the loss is nan at step 1")
    assert "training/module.py" in failed["error"]["traceback"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_distributed_run_is_interrupted(tmp_path, how):
    sweep = Sweep(tmp_path, *TINY, "data.fraction=1", "epochs=100", "trainer=ddp", runs=1)
    sweep.process.send_signal(how)
    assert sweep.process.wait(timeout=60) == 130
    sweep.wait_for(lambda: not sweep.members())
    assert attempts(sweep.study) == [["interrupted"]]


def test_a_worker_composes_from_what_the_sweep_began_with(tmp_path):
    conf = shutil.copytree(conf_dir(), tmp_path / "conf")
    register()
    with initialize_config_dir(str(conf), version_base="1.3"):
        hydras = GlobalHydra.instance().config_loader()
        master = hydras.load_configuration("config", ["epochs=3"], RunMode.MULTIRUN)
        loader = SweepLoader(hydras)
        before = loader.load_sweep_config(master, ["epochs=3", "seed=1"])
        light = conf / "augment" / "light.yaml"
        light.write_text(light.read_text() + "\ncutout_px: 3\n")
        (conf / "config.yaml").unlink()
        workers = pickle.loads(pickle.dumps(loader))
        after = workers.load_sweep_config(master, ["epochs=3", "seed=2"])
    assert (before.seed, after.seed, after.epochs) == (1, 2, 3)
    assert after.augment == before.augment

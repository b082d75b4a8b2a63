"""Jobs side by side on the GPUs of one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch

from lkca_exp.config import machine
from lkca_exp.config.schema import TrainerConfig
from lkca_exp.runs.handover import Handover
from lkca_exp.training import device
from tests.conftest import environment

JOB = """
import os, sys
from lkca_exp.config.schema import TrainerConfig
from lkca_exp.runs.worker import take_gpus
trainer = TrainerConfig(jobs_per_gpu=int(sys.argv[1]), devices=int(sys.argv[2]), accelerator=sys.argv[3])
for job in range(2):
    take_gpus(trainer)
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
input()
"""


@pytest.fixture
def start(tmp_path: Path):
    """Starts a process that takes its GPUs and keeps them until it has to end."""
    processes = []

    def begin(jobs_per_gpu=1, devices=1, accelerator="auto", offered: str | None = "4,7", visible: str | None = None):
        """`offered` by a sweep, None where there is none."""
        gpus = tuple(offered.split(",")) if offered else ()
        env = environment(**({} if offered is None else Handover(gpus).environment), TMPDIR=str(tmp_path))
        if visible:
            env["CUDA_VISIBLE_DEVICES"] = visible
        command = [sys.executable, "-c", JOB, str(jobs_per_gpu), str(devices), accelerator]
        process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def seen(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def test_each_job_has_a_gpu_and_the_next_waits_for_one(start):
    first, second = start(), start()
    gpu = seen(first)
    assert {gpu, seen(second)} == {"4", "7"}
    third = start()
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(timeout=1.5)  # it reads no input as long as it has no place
    first.kill()
    assert seen(third) == gpu


def test_jobs_share_gpus_evenly_where_asked_to(start):
    assert sorted(seen(start(jobs_per_gpu=2)) for _ in range(4)) == ["4", "4", "7", "7"]


def test_a_job_of_two_processes_has_two_gpus_or_none(start):
    one = start()
    assert seen(one) == "4"
    both = start(devices=2)
    with pytest.raises(subprocess.TimeoutExpired):
        both.wait(timeout=1.5)
    assert seen(start()) == "7"


def test_a_job_by_itself_takes_the_emptiest_gpu_and_shares_one_if_all_are_taken(start):
    alone = {"offered": None, "visible": "4,7"}
    assert [seen(start(**alone)) for _ in range(3)] == ["4", "7", "4,7"]
    assert seen(start(offered=None, visible="4")) == "4", "there is no choice"


def test_where_there_is_nothing_to_share_nothing_is_hidden(start):
    as_it_was = str(os.environ.get("CUDA_VISIBLE_DEVICES"))
    assert seen(start(accelerator="cpu")) == as_it_was
    assert seen(start(offered="")) == as_it_was


@pytest.mark.parametrize(
    ("gpus", "cpus", "trainer", "at_once", "cpus_each", "gpus_each"),
    [
        (0, 8, TrainerConfig(), 8, 1, 0),
        (0, 8, TrainerConfig(devices=2), 4, 2, 0),
        (2, 8, TrainerConfig(), 2, 4, 1),
        (2, 8, TrainerConfig(jobs_per_gpu=4), 8, 1, 0.25),
        (4, 8, TrainerConfig(devices=2), 2, 4, 2),
        (2, 8, TrainerConfig(accelerator="cpu"), 8, 1, 0),
    ],
)
def test_jobs_divide_the_machine(monkeypatch, gpus, cpus, trainer, at_once, cpus_each, gpus_each):
    monkeypatch.setattr(machine, "gpus", lambda: tuple(map(str, range(gpus))))
    monkeypatch.setattr(machine, "available_cpus", lambda: cpus)
    monkeypatch.setattr(machine, "cpus_for_jobs", lambda: cpus)
    assert machine.jobs_at_once(trainer) == at_once
    assert machine.cpus_per_job(trainer) == cpus_each
    assert machine.gpus_per_job(trainer) == gpus_each


def test_gpus_are_those_that_are_visible(monkeypatch, tmp_path):
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        "#!/bin/sh\necho 'GPU 0: H100 (UUID: a)'\necho '  MIG 1g: (UUID: b)'\necho 'GPU 1: H100 (UUID: c)'\n"
    )
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    find = machine.gpus.__wrapped__
    assert find() == ("0", "1")
    smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert find() == ()
    for visible, found in (("", ()), ("-1", ()), ("3", ("3",)), ("2,5", ("2", "5"))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert find() == found


def test_a_distributed_run_shares_no_gpu(cli):
    done = cli("trainer=ddp", "trainer.jobs_per_gpu=2")
    assert done.returncode == 2
    assert "trainer.jobs_per_gpu=2" in done.stderr


def test_a_job_receives_what_its_sweep_hands_over(monkeypatch):
    monkeypatch.delenv("LKCA_EXP_SWEEP", raising=False)
    assert Handover.received() == Handover()
    sent = Handover(("0", "3"), 17, "runs/study/journal.jsonl", ("model/mixer", "seed"))
    for name, value in sent.environment.items():
        monkeypatch.setenv(name, value)
    received = Handover.received()
    assert received.environment == sent.environment
    assert list(received.gpus) == ["0", "3"]


def test_a_cpu_that_works_is_not_idle():
    mine = os.sched_getaffinity(0)
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as busy:
        try:
            busy.stdout.readline()
            assert 1 <= machine.idle_cpus() <= max(len(mine) - 1, 1)
            os.sched_setaffinity(0, {min(mine)})
            assert machine.idle_cpus() == 1
        finally:
            os.sched_setaffinity(0, mine)
            busy.kill()


def test_threads_are_those_that_are_idle_unless_the_environment_says(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr(device, "idle_cpus", lambda: 1)
    try:
        torch.set_num_threads(2)
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        device.choose_threads(TrainerConfig())
        assert torch.get_num_threads() == 2
        monkeypatch.delenv("OMP_NUM_THREADS")
        device.choose_threads(TrainerConfig(devices=2))
        assert torch.get_num_threads() == 2
        device.choose_threads(TrainerConfig())
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("given", "spins"), [({}, machine.SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)]
)
def test_spinning_is_limited_unless_the_environment_says_how_threads_wait(given, spins):
    with mock.patch.dict(os.environ, given, clear=True):
        machine.limit_spinning()
        assert os.environ.get("GOMP_SPINCOUNT") == spins

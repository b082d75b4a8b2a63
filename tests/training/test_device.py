"""What is set for the device, by what a machine with GPUs would say."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from types import SimpleNamespace

import pytest
import torch

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import TrainerConfig
from lkca_exp.training import device


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs, as far as can be asked without computing; returns what was set on them."""
    done: dict[str, object] = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: done.update(device=index))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share: done.update(share=share))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    yield done
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_products_and_convolutions_have_one_precision(gpus, job, precision, tf32):
    device.set_up_device(job(f"precision={precision}").config)
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert torch.backends.cuda.matmul.allow_tf32 is tf32
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")


def test_each_process_has_its_gpu_and_its_share_of_the_memory(gpus, job):
    os.environ["LOCAL_RANK"] = "1"
    device.set_up_device(job("trainer.memory_share=0.25").config)
    assert gpus == {"device": 1, "share": 0.25}


def test_deterministic_ways_are_asked_for_on_a_gpu_alone(gpus, job):
    device.set_up_device(job("trainer.deterministic=true", "trainer=cpu").config)
    assert not torch.are_deterministic_algorithms_enabled()
    device.set_up_device(job("trainer.deterministic=true").config)
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    device.set_up_device(job().config)
    assert not torch.are_deterministic_algorithms_enabled(), "the next run of the process is as it asks"


def test_nothing_of_a_gpu_is_touched_by_a_run_on_the_cpu(gpus, job, monkeypatch):
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: pytest.fail("a context"))
    config = job("trainer=cpu").config
    device.set_up_device(config)
    device.reset_peak_memory(config.trainer)
    assert gpus == {}


def test_the_parent_of_several_processes_asks_the_driver_for_a_name(gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: pytest.fail("a context"))
    monkeypatch.setattr(device, "gpus", lambda: ("3", "5"))
    asked = []

    def answer(command, **_):
        asked.extend(command)
        return SimpleNamespace(stdout="Some GPU\n")

    monkeypatch.setattr(subprocess, "run", answer)
    described = device.describe_device(TrainerConfig(devices=2, strategy="ddp"))
    assert (described["accelerator"], described["name"]) == ("gpu", "Some GPU")
    assert "--id=3" in asked


def test_tf32_is_refused_where_a_run_would_train_on_a_cpu(job):
    config = job("precision=tf32").config
    with pytest.raises(ConfigError, match="It is a precision of GPUs"):
        device.check_device(dataclasses.replace(config, trainer=TrainerConfig(accelerator="cpu")))

"""Every experiment composes, says what it claims, and trains a batch."""

from __future__ import annotations

import re

import pytest

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.specs import SPECS
from lkca_exp.runs.record import read, run_directory
from lkca_exp.train import train

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


def header(name: str) -> str:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def test_there_are_experiments():
    assert {"digits_compare", "fashion_mnist_attention", "fashion_mnist_lkca", "fashion_mnist_scarce"} <= set(
        EXPERIMENTS
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_header_states_question_command_expectation_time_and_machine(name):
    told = header(name)
    assert told.startswith("# @package _global_\n# ")
    assert re.search(rf"^#   python -m lkca_exp (-m )?\+experiment={name}$", told, re.MULTILINE)
    assert re.search(r"^# Expected: .*\d\d\.\d %.* seeds?\b", told, re.MULTILINE | re.DOTALL) or "not run here" in told
    assert re.search(r"^# Takes .*(second|minute|hour).* on ", told, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_trains_a_batch(name, mixer, tmp_path):
    fast = ["trainer=debug", "logger=none", f"paths.runs={tmp_path}", f"model/mixer={mixer}"]
    job = compose([f"+experiment={name}", *fast], SPECS)
    if job.config.data.name == "fashion_mnist" and SOURCES["fashion_mnist"].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    train(job.config, job.derived)
    assert read(run_directory(job.config, job.derived))["status"] == "finished"

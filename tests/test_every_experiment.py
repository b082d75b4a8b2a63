"""Every experiment composes, says what it claims, and trains a batch."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.specs import SPECS
from lkca_exp.runs.record import read, run_directory
from lkca_exp.train import train
from tests.data.published import WNIDS, tiny_imagenet_members, write_cifar, write_svhn, write_tiny_imagenet_zip

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
VARIANT = re.compile("_(attention|lkca|baselines)$")
MIXERS = ["model/mixer=attention", "model/mixer=lkca"]


def choices(name: str) -> list[str]:
    """The overrides that an experiment is tried with, one run each."""
    if name.endswith("_baselines"):
        swept = OmegaConf.load(conf_dir() / "experiment" / f"{name}.yaml").hydra.sweeper.params.model
        return [f"model={model}" for model in swept.split(",")]
    return [choice for choice in MIXERS if choice.endswith(tuple(VARIANT.findall(name) or ["attention", "lkca"]))]


QUICK = (*MIXERS, "model=vit_lee2021", "model=convnext")
RUNS = [
    pytest.param(name, choice, marks=[] if choice in QUICK else pytest.mark.slow)
    for name in EXPERIMENTS
    for choice in choices(name)
]


def header(name: str) -> str:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """Small archives, in the format of the true ones, of the data sets that this machine lacks."""
    folder = tmp_path_factory.mktemp("archives")
    members = tiny_imagenet_members(WNIDS, per_class=70)
    return {
        "cifar10": write_cifar(folder, "cifar10"),
        "cifar100": write_cifar(folder, "cifar100"),
        "svhn": write_svhn(folder, per_class=20),
        "tiny_imagenet": write_tiny_imagenet_zip(folder / "tiny.zip", members),
    }


def test_there_are_experiments():
    of_the_paper = {f"{name}_{mixer}" for name in SPECS if name != "digits" for mixer in ("attention", "lkca")}
    assert {"digits_compare", "fashion_mnist_scarce"} | of_the_paper <= set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_header_states_question_command_expectation_time_and_machine(name):
    told = header(name)
    assert told.startswith("# @package _global_\n# ")
    assert re.search(rf"^#   python -m lkca_exp (-m )?\+experiment={name}$", told, re.MULTILINE)
    assert re.search(r"^# Expected: .*\d\d\.\d %.* seeds?\b", told, re.MULTILINE | re.DOTALL) or "not run here" in told
    assert re.search(r"^# Takes .*(second|minute|hour).* on ", told, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "choice"), RUNS)
def test_an_experiment_trains_a_batch(name, choice, archives, tmp_path):
    fast = ["trainer=debug", "logger=none", f"paths.runs={tmp_path}", f"data.root={tmp_path}", choice]
    job = compose([f"+experiment={name}", *fast, *_files(name, archives)], SPECS)
    if job.config.data.name == "fashion_mnist" and SOURCES["fashion_mnist"].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    train(job.config, job.derived)
    record = read(run_directory(job.config, job.derived))
    assert record["status"] == "finished"
    assert bool(record["warnings"]) == (not job.config.data.verify)


def _files(experiment: str, archives) -> list[str]:
    """Overrides that have an experiment read the small archive of its data set."""
    name = VARIANT.sub("", experiment)
    return [f"data.archive={archives[name]}", "data.verify=false", "batch_size=32"] if name in archives else []

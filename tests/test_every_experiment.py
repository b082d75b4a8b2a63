"""Every experiment composes, says what it claims, and trains two batches: each job of its sweep, of which the fast
tests take the first two."""

from __future__ import annotations

import re
import shlex
from itertools import product

import pytest
from omegaconf import OmegaConf

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.specs import SPECS
from lkca_exp.runs.record import read, run_directory
from lkca_exp.train import train
from tests.data.published import WNIDS, tiny_imagenet_members, write_cifar, write_svhn, write_tiny_imagenet_zip

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


def choices(name: str) -> list[str]:
    """The overrides of each job of an experiment's sweep, seeds apart; one empty text where it is a single run."""
    sweeper = OmegaConf.select(OmegaConf.load(conf_dir() / "experiment" / f"{name}.yaml"), "hydra.sweeper") or {}
    swept = {key: str(value) for key, value in sweeper.get("params", {}).items() if key != "seed"}
    grid = " ".join(f"{key}={value}" for key, value in swept.items() if "(" not in value)
    jobs = (
        each for case in sweeper.get("cases", [""]) for each in product(*map(single, shlex.split(f"{grid} {case}")))
    )
    return [" ".join(words) for words in jobs]


def single(word: str) -> list[str]:
    key, _, values = word.partition("=")
    return [f"{key}={value}" for value in values.split(",")]


RUNS = [
    pytest.param(name, choice, marks=[] if choice in found[:2] else pytest.mark.slow)
    for name in EXPERIMENTS
    for found in (choices(name),)
    for choice in found
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


def test_the_papers_table_has_every_model_on_every_data_set():
    cells = [dict(word.split("=") for word in choice.split()) for choice in choices("paper_classification")]
    models = {(cell["model"], cell.get("model/mixer")) for cell in cells}
    timm = ("cct_7_3x1", "swin", "pit", "cait", "resnet18", "sl_vit")
    assert models == {("vit", "attention"), ("vit", "lkca")} | {(name, None) for name in timm}
    assert {cell["data"] for cell in cells} == {"cifar10", "cifar100", "svhn", "tiny_imagenet"}
    assert len(cells) == 32


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_header_states_question_command_expectation_time_and_machine(name):
    told = header(name)
    assert told.startswith("# @package _global_\n# ")
    assert re.search(rf"^#   python -m lkca_exp (-m )?\+experiment={name}$", told, re.MULTILINE)
    assert re.search(r"^# Expected: .*\d\d\.\d %.* seeds?\b", told, re.MULTILINE | re.DOTALL) or "not run here" in told
    assert re.search(r"^# Takes .*(second|minute|hour).* on ", told, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "choice"), RUNS)
def test_an_experiment_trains_two_batches(name, choice, archives, tmp_path):
    overrides = [f"+experiment={name}", *choice.split(), "trainer=debug", "logger=none"]
    overrides += [f"paths.runs={tmp_path}", f"data.root={tmp_path}"]
    data = compose(overrides, SPECS).config.data.name
    if data == "fashion_mnist" and SOURCES[data].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    if data in archives:
        overrides += [f"data.archive={archives[data]}", "data.verify=false", "batch_size=32"]
    job = compose(overrides, SPECS)
    train(job.config, job.derived)
    record = read(run_directory(job.config, job.derived))
    assert record["status"] == "finished"
    assert bool(record["warnings"]) == (data in archives)

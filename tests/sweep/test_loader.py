"""The fast loader composes what Hydra's own does, key for key."""

from __future__ import annotations

import copy
import pickle

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from lkca_exp.config.job import conf_dir, without_hydra
from lkca_exp.config.refusals import to_config

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
JOBS = {
    "nothing": [],
    "values": ["seed=3", "optim.lr=1e-2", "data.images_per_class=5", "optim.warmup_epochs=null"],
    "groups": ["model/mixer=attention", "protocol=best_on_test", "logger=none"],
    "groups among values": ["epochs=2", "augment=lee2021", "model.depth=2", "data=cifar10", "study='a b'"],
    "the same key twice": ["seed=1", "seed=2"],
    "an interpolation": ["optim.warmup_epochs=${seed}", "study=${data.name}"],
    "Hydra's own": ["hydra.job.name=other", "seed=1"],
    "added by force": ["++optim.lr=0.5"],
}


OF_EACH_KIND = ("cifar100_lkca", "digits_scarce", "kernel_size", "paper_classification", "tuned")
"""A run, a sweep, one with cases, one with more that is left out, and one of two rounds."""


def plain(cfg) -> dict:
    return OmegaConf.to_container(cfg, resolve=False)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_composed_as_hydra_would(name, multirun, hydra_loader, loader):
    master = multirun("seed=0,1", "hydra.verbose=true")
    theirs = hydra_loader.load_sweep_config(master, JOBS[name])
    ours = loader.load_sweep_config(master, JOBS[name])
    assert plain(ours) == plain(theirs)
    assert OmegaConf.get_type(ours) is OmegaConf.get_type(theirs)
    config, choices = loader.load_job(master, JOBS[name])
    assert config == to_config(without_hydra(theirs))
    assert choices == theirs.hydra.runtime.choices


SERIES = [
    ["model.mixer.kernel_size=3", "optim.lr=1e-2", "compile=false"],
    ["model.mixer.kernel_size=null", "optim.lr=1", "compile=auto"],
    ["model.mixer.kernel_size=5", "optim.lr='2e-3'", "compile=true"],
    ["model.mixer.kernel_size=7", "optim.lr=${optim.weight_decay}", "compile=true"],
    ["model.mixer.kernel_size=3", "optim.lr=1e-2", "compile=false"],
]


def test_jobs_with_other_values_of_the_same_keys_are_composed_as_hydra_would(multirun, hydra_loader, loader):
    master = multirun()
    for words in SERIES:
        theirs = to_config(without_hydra(hydra_loader.load_sweep_config(master, words)))
        assert loader.load_job(master, words)[0] == theirs
    for value in ("abc", "1.5", "[1]"):
        with pytest.raises(HydraException):
            loader.load_job(master, [f"model.mixer.kernel_size={value}", *SERIES[0][1:]])
    assert loader.load_job(master, SERIES[0])[0].model.mixer.kernel_size == 3


@pytest.mark.parametrize(
    "name", [name if name in OF_EACH_KIND else pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS]
)
def test_every_experiment_is_composed_as_hydra_would(name, multirun, hydra_loader, loader):
    master = multirun(f"+experiment={name}")
    for words in ([f"+experiment={name}", "seed=1"], [f"+experiment={name}", "model/mixer=attention", "epochs=3"]):
        assert plain(loader.load_sweep_config(master, words)) == plain(hydra_loader.load_sweep_config(master, words))


@pytest.mark.parametrize("words", [["optim.lrr=1"], ["data=nowhere"], ["seed=0,1"], ["optim.lr=[1"], ["~nothing"]])
def test_what_hydra_refuses_is_refused(words, multirun, hydra_loader, loader):
    master = multirun()
    with pytest.raises(HydraException):
        hydra_loader.load_sweep_config(master, words)
    with pytest.raises(HydraException):
        loader.load_sweep_config(master, words)


def test_jobs_do_not_share_what_they_are_given(multirun, loader):
    master = multirun()
    first = loader.load_sweep_config(master, ["seed=1"])
    before = copy.deepcopy(plain(loader.load_sweep_config(master, ["seed=2"])))
    first.optim.lr = 7.0
    first.hydra.job.name = "changed"
    assert plain(loader.load_sweep_config(master, ["seed=2"])) == before


def test_the_yaml_is_read_once_even_in_another_process(multirun, loader, monkeypatch):
    master = multirun()
    before = plain(loader.load_sweep_config(master, ["data=cifar10", "seed=1"]))
    travelled = pickle.loads(pickle.dumps(loader))

    def fail(*_, **__):
        raise AssertionError("read again")

    monkeypatch.setattr(type(travelled), "load_configuration", fail)
    assert plain(travelled.load_sweep_config(master, ["data=cifar10", "seed=1"])) == before


def test_jobs_with_the_same_keys_are_typed_once(multirun, loader, monkeypatch):
    """So that a sweep of thousands of seeds is checked in seconds."""
    from lkca_exp.sweep import loader as module

    calls = []
    monkeypatch.setattr(module, "to_config", lambda cfg: calls.append(cfg) or to_config(cfg))
    master = multirun()
    seeds = [loader.load_job(master, [f"seed={seed}", "epochs=2"])[0].seed for seed in range(50)]
    assert seeds == list(range(50))
    assert len(calls) == 1

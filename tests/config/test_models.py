"""The files of conf/model: every one composes, and with what it may be joined."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from lkca_exp.config.checks import check
from lkca_exp.config.derived import VitDerived
from lkca_exp.config.job import compose, conf_dir, restored
from lkca_exp.config.schema import GROUP_SCHEMAS, VitConfig
from lkca_exp.config.schema.sizes import SIZES
from lkca_exp.config.specs import SPECS

MODELS = sorted({path.stem for path in (conf_dir() / "model").glob("*.yaml")})


@pytest.mark.parametrize("group", GROUP_SCHEMAS)
def test_every_declared_option_can_be_chosen(group):
    for name in GROUP_SCHEMAS[group].keys() - {"timm", "vit_pytorch"}:  # which need a name or a family
        chosen = attrgetter(group.replace("/", "."))(compose([f"{group}={name}"]).config)
        assert type(chosen) is GROUP_SCHEMAS[group][name]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_composes_for_every_image_size_of_the_paper(model):
    config = compose(["data=tiny_imagenet", f"model={model}"]).config
    if not model.startswith("twins"):  # its windows do not fit into 32 pixels
        check(config, SPECS["cifar10"])
        check(config, SPECS["svhn"])


@pytest.mark.parametrize("mixer", GROUP_SCHEMAS["model/mixer"])
def test_every_size_with_every_mixer(mixer):
    config = compose([f"model/mixer={mixer}", "data=cifar10"]).config
    for size in SIZES:
        derived = check(replace(config, model=replace(config.model, size=size)), SPECS["cifar10"])
        assert isinstance(derived, VitDerived)
        assert derived.width == SIZES[size].width


@pytest.mark.parametrize("model", ["vit_lee2021", "sl_vit", "cct_7_3x1"])
@pytest.mark.parametrize("mixer", GROUP_SCHEMAS["model/mixer"])
def test_published_models_take_any_mixer(model, mixer):
    job = compose([f"model={model}", f"model/mixer={mixer}", "model.pooling=mean", "data=cifar10"])
    assert isinstance(job.config.model, VitConfig)
    assert job.config.model.mixer.name == mixer


def test_a_record_from_before_there_were_embeddings_is_read():
    model = {"name": "vit", "size": "xs", "mixer": {"name": "attention", "num_heads": 2}}
    old = {"model": model, "protocol": {"name": "final"}, "logger": {"name": "none"}}
    cfg = restored(old)
    assert (cfg.model.embedding.name, cfg.model.mixer.num_heads, cfg.model.mlp_residual) == ("linear", 2, "tokens")


def test_a_record_of_a_model_of_timm_is_read():
    model = {"name": "resnet18", "stem": "small", "options": {"block_args": {"attn_layer": "se"}}}
    old = {"model": model, "protocol": {"name": "final"}, "logger": {"name": "none"}}
    cfg = restored(old)
    assert (cfg.model.name, cfg.model.stem, cfg.model.options.block_args.attn_layer) == ("resnet18", "small", "se")

"""Models by name, for other programs: from this package, and from timm."""

from __future__ import annotations

import subprocess
import sys

import pytest
import timm
import torch

import lkca_exp
import lkca_exp.timm_models
from lkca_exp.config.errors import ConfigError
from tests.models.test_paper import LKCAS, VITS


@pytest.mark.parametrize("name", lkca_exp.timm_models.NAMES)
def test_timms_models_have_the_papers_parameters(name):
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=200, img_size=64)
    unread = model.head.in_features if name in LKCAS else 0  # the authors' LKCA has a class token that nothing reads
    assert sum(parameter.numel() for parameter in model.parameters()) == (VITS | LKCAS)[name][2] - unread


def test_what_timm_passes_on_is_refused_where_nothing_would_read_it():
    with pytest.raises(ValueError, match="no pretrained weights"):
        timm.create_model("lkca_t", pretrained=True)
    with pytest.raises(TypeError, match="drop_rate"):
        timm.create_model("lkca_t", drop_rate=0.1)


def test_any_size_of_image_goes_and_the_seed_decides_the_weights():
    options = {"num_classes": 3, "image_size": 48, "channels": 1, "overrides": ["model.size=xs"]}
    first, again, other = (lkca_exp.build_model("vit", seed=seed, **options) for seed in (1, 1, 2))
    images = torch.randn(2, 1, 48, 48)
    assert first(images).shape == (2, 3)
    assert torch.equal(first.eval()(images), again.eval()(images))
    assert not torch.equal(first(images), other.eval()(images))


def test_a_name_and_a_size_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="lkca_tt"):
        lkca_exp.build_model("lkca_tt", 10, 32)
    with pytest.raises(ConfigError, match="patch_size"):
        lkca_exp.build_model("lkca_t", 10, 32, overrides=["model.patch_size=5"])


def test_the_mixers_have_the_defaults_of_their_options(describe):
    for mixer, name in ((lkca_exp.Lkca, "lkca"), (lkca_exp.LkcaDepthwise, "lkca_depthwise")):
        model, derived = describe(name)
        configured = mixer.from_config(model.mixer, derived)
        plain = mixer(derived.width, derived.grid)
        assert plain.state_dict().keys() == configured.state_dict().keys()
        assert [p.shape for p in plain.parameters()] == [p.shape for p in configured.parameters()]
        assert (plain.view, plain.init) == (configured.view, configured.init)


def test_importing_the_package_waits_for_nothing():
    code = "import sys, lkca_exp; assert 'Lkca' in dir(lkca_exp); assert not {'torch', 'hydra'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="nothing"):
        lkca_exp.nothing  # noqa: B018

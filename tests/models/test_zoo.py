"""Models of timm and vit-pytorch: every file of conf/model; of timm names, sizes, and what is refused."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import pytest
import timm
import torch
from torch import nn

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job, compose, conf_dir
from lkca_exp.config.schema import TimmConfig, VitPytorchConfig
from lkca_exp.config.timm_names import FAMILIES, timm_names
from lkca_exp.models.build import build_model, check_buildable, count_parameters, flops_per_image, no_weight_decay
from lkca_exp.timm_models import NAMES

PIXELS = {"cifar10": 32, "tiny_imagenet": 64}


@functools.cache
def job(*overrides: str) -> Job:
    return compose(["data=cifar10", *overrides])


def build(*overrides: str) -> nn.Module:
    made = job(*overrides)
    return build_model(made.config.model, made.derived)


def baselines() -> list[str]:
    """The files of conf/model that choose a model of timm or vit-pytorch."""
    names = {path.stem for path in (conf_dir() / "model").glob("*.yaml")} - {"timm", "vit_pytorch"}
    chosen = {name: job("data=tiny_imagenet", f"model={name}").config.model for name in names}
    return sorted(name for name, model in chosen.items() if isinstance(model, TimmConfig | VitPytorchConfig))


def cases() -> list[Any]:
    """Every baseline with every size of images that it takes. Of LKCA's table one row of each family is fast."""
    params = []
    for name in baselines():
        sizes = [data for data in PIXELS if not (name.startswith("twins") and PIXELS[data] == 32)]
        params += [pytest.param(name, data, marks=marks_of(name, data == sizes[0])) for data in sizes]
    return params


def marks_of(name: str, first: bool) -> list[pytest.MarkDecorator]:
    model = job("data=tiny_imagenet", f"model={name}").config.model
    row = isinstance(model, VitPytorchConfig) or (isinstance(model, TimmConfig) and model.positions == "learned")
    return [pytest.mark.slow] if row and not (first and name.endswith(("_t", "cvt_b", "twins_s", "mobilevit"))) else []


UNUSED = [
    # Its last block biases the attention of local tokens; only the regional ones are read after it.
    ("regionvit_t", (32, 64), r"layers\.3\.2\.local_rel_pos_bias\.weight"),
    # In its last block the query of the class token alone counts, which is not convolved.
    ("rvt_t", (32, 64), r"transformer\.layers\.5\.0\.to_q\.conv\..*"),
    ("rvt_s", (32, 64), r"transformer\.layers\.6\.0\.to_q\.conv\..*"),
    # One key is left in their last stages, so that it is taken whatever the query is.
    ("twins_[sb]", (64,), r"layers\.3\.\d\.layers\.\d\.2\.fn\.to_q\.weight"),
    ("cvt_b", (32,), r"layers\.2\.2\.layers\.\d\.0\.to_q\..*"),
]
"""Models, sides of images, and the parameters that no logit depends on there; their authors' design."""


def unused(model: str, pixels: int, parameters: Iterable[str]) -> list[str]:
    patterns = [which for models, sizes, which in UNUSED if re.fullmatch(models, model) and pixels in sizes]
    return [name for name in parameters if any(re.fullmatch(pattern, name) for pattern in patterns)]


def test_there_are_baselines() -> None:
    assert {"resnet18", "swin_lee2021", "pit_lee2021", "cait_lee2021", "convmixer", "mlp_mixer", "convnext"} <= set(
        baselines()
    )


def test_names_are_those_of_timm() -> None:
    assert timm_names() == {*timm.list_models(), *FAMILIES} - {*NAMES}  # which another test may have added
    assert not set(FAMILIES) & set(timm.list_models())


@pytest.mark.parametrize(("name", "data"), cases())
def test_every_baseline(name: str, data: str) -> None:
    made = job(f"model={name}", f"data={data}")
    check_buildable(made.config.model, made.derived)
    model = build_model(made.config.model, made.derived)
    assert flops_per_image(model, made.derived) > 5e6
    images = torch.randn(2, 3, PIXELS[data], PIXELS[data])

    logits = model.train()(images)
    assert logits.shape == (2, made.derived.num_classes)
    assert logits.isfinite().all()

    with torch.no_grad():  # what starts at zero, such as the last norm of a branch, keeps gradients from the rest
        for parameter in model.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.1)
    model.zero_grad()
    nn.functional.cross_entropy(model.eval()(images), torch.tensor([3, 7])).backward()
    parameters = dict(model.named_parameters())
    idle = [key for key, p in parameters.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == unused(name, PIXELS[data], parameters)

    twin = build_model(made.config.model, made.derived).eval()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(images), model(images))


@pytest.mark.parametrize(
    ("name", "mega_multiplications"),
    [("swin_lee2021", 242.3), ("pit_lee2021", 279.2)],  # the table of Lee et al.'s README, for Tiny-ImageNet
)
def test_baselines_are_of_the_size_of_lee_et_al(name: str, mega_multiplications: float) -> None:
    made = job(f"model={name}", "data=tiny_imagenet")
    flops = flops_per_image(build_model(made.config.model, made.derived), made.derived)
    assert flops / 2e6 == pytest.approx(mega_multiplications, rel=0.04)


def test_a_small_stem_keeps_the_resolution() -> None:
    """He et al. for CIFAR: 11,173,962 parameters with 10 classes, as in kuangliu/pytorch-cifar's ResNet18."""
    model = build("model=resnet18")
    assert count_parameters(model) == 11_173_962
    stem = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool)
    assert stem(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 32, 32)
    assert model.conv1.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.1)


def test_stochastic_depth_is_as_configured_and_not_as_timm_has_it() -> None:
    rates = [
        [
            module.drop_prob
            for module in build("model=swin_lee2021", f"model.drop_path={rate}").modules()
            if hasattr(module, "drop_prob")
        ]
        for rate in (0.0, 0.3)
    ]
    assert not any(rates[0])  # timm's own default for Swin is 0.1
    assert max(rates[1]) == pytest.approx(0.3)


def test_options_reach_timm() -> None:
    model = build("model=swin_lee2021", "model.options.depths=[1,1,2]", "model.options.num_heads=[3,6,12]")
    assert [len(stage.blocks) for stage in model.layers] == [1, 1, 2]


def test_a_baseline_learns_any_number_of_channels() -> None:
    model = build("model=timm", "model.name=resnet10t", "data=fashion_mnist")
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_weight_decay_spares_what_timm_names() -> None:
    spared = no_weight_decay(build("model=cait_lee2021"))
    assert {"pos_embed", "cls_token", "norm.bias", "blocks.0.gamma_1"} <= spared
    assert "blocks.0.attn.qkv.weight" not in spared
    spared = no_weight_decay(build("model=swin_lee2021"))
    assert "layers.0.blocks.0.attn.relative_position_bias_table" in spared


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=swin_lee2021", "+model.options.wndow=3"], ["model.name", "cannot build it", "wndow"]),
        (["model=convmixer", "model.drop_path=0.1"], ["model.drop_path=0.1", "no stochastic depth"]),
        (["model=resnet18", "model.patches_per_side=8"], ["model.patches_per_side=8", "no patches"]),
        (["model=swin_lee2021", "model.stem=small"], ["model.stem=small", "swin"]),
        (["model=timm", "model.name=inception_v3"], ["model.name=inception_v3", "images of 32 x 32 pixels"]),
        (["model=timm", "model.name=convmixer"], ["model.name=convmixer", "dim"]),
        (["model=convmixer", "model.options.dim=1000000"], ["model.name=convmixer", "GiB", "this machine has"]),
    ],
)
def test_what_timm_cannot_do_is_refused(overrides: list[str], message: list[str]) -> None:
    made = job(*overrides)
    with pytest.raises(ConfigError) as refusal:
        check_buildable(made.config.model, made.derived)
    assert all(words in str(refusal.value) for words in message), refusal.value

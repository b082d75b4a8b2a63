"""LKCA and the ViTs of Li et al. 2024, arXiv 2401.05738: sizes to the last parameter, and LKCA against the definition
in the authors' code, restated here in plain loops.

Parameters are counted from that code (CatworldLee/LKCA-MiniViTsTrainer-Pytorch-CIFAR-TinyImageNet, models/). Its LKCA
has a class token that nothing reads, as many parameters as channels, which ours lacks.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from vit_pytorch.vit import ViT

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.job import compose
from lkca_exp.config.specs import SPECS
from lkca_exp.models.build import build_model, count_parameters
from lkca_exp.models.vit import VisionTransformer
from tests.models.test_published import TRANSFORMER, assert_same_logits, renamed

DATA = ("cifar10", "cifar100", "tiny_imagenet")
VITS = {
    "vit_05m": (479_890, 490_780, 520_160),
    "vit_lite": (1_060_674, 1_073_004, 1_106_288),
    "vit_2m": (1_955_010, 1_973_100, 2_022_000),
    "vit_small": (2_692_426, 2_709_796, 2_756_744),
    "vit_4m": (3_951_298, 3_975_148, 4_039_664),
    "vit_8m": (7_852_114, 7_880_284, 7_956_512),
}
LKCAS = {
    "lkca_05m": (500_810, 509_900, 534_400),
    "lkca_t": (1_027_747, 1_040_077, 1_073_361),
    "lkca_2m": (2_030_707, 2_048_077, 2_095_025),
    "lkca_b": (2_691_520, 2_710_510, 2_761_850),
    "lkca_4m": (4_049_185, 4_071_415, 4_131_539),
    "lkca_8m": (7_941_412, 7_969_042, 8_043_806),
    "lkca_l": (12_528_550, 12_561_040, 12_648_980),
}
"""Trainable parameters in the authors' code: 32 pixels with 10 and 100 classes, 64 pixels with 200."""


def build(model: str, *overrides: str, data: str = "cifar100") -> tuple[VisionTransformer, VitDerived]:
    job = compose([f"data={data}", f"model={model}", *overrides])
    assert isinstance(job.derived, VitDerived)
    network = build_model(job.config.model, job.derived)
    assert isinstance(network, VisionTransformer)
    return network, job.derived


@pytest.mark.parametrize("name", [*VITS, *LKCAS])
def test_parameters(name: str) -> None:
    with torch.device("meta"):
        counts = [count_parameters(build(name, data=data)[0]) for data in DATA]
    if name in VITS:
        assert counts == list(VITS[name])
    else:
        dead_class_token = compose(["data=cifar100", f"model={name}"]).derived.width
        assert [count + dead_class_token for count in counts] == list(LKCAS[name])


@pytest.mark.parametrize("name", [*VITS, *LKCAS])
def test_regularisation_and_start_are_the_authors(name: str) -> None:
    model, derived = build(name)
    assert {block.drop_path.rate for block in model.blocks} == {0.1}
    assert {module.eps for module in model.modules() if isinstance(module, nn.LayerNorm)} == {1e-5}
    assert model.positions.embedding.std().item() == pytest.approx(1, rel=0.05)
    weight = model.blocks[0].mlp.expand.weight
    assert weight.std().item() == pytest.approx((2 / sum(weight.shape)) ** 0.5, rel=0.05)
    assert derived.grid == (8, 8)
    if name in LKCAS:
        assert not any(block.mixer.kernel.any() for block in model.blocks)
        assert {tuple(block.mixer.kernel.shape) for block in model.blocks} == {(1, 15, 15)}
        assert {block.mixer.value.bias for block in model.blocks} == {None}


@pytest.mark.parametrize(("data", "grid"), [("fashion_mnist", (7, 7)), ("digits", (4, 4))])
def test_sizes_follow_the_data(data: str, grid: tuple[int, int]) -> None:
    model, derived = build("lkca_t", data=data)
    assert derived.grid == grid
    side = SPECS[data].image_size
    assert model(torch.zeros(2, SPECS[data].channels, side, side)).shape == (2, 10)


@pytest.mark.parametrize("name", ["vit_lite", "vit_small"])
def test_a_vit_computes_what_vit_pytorchs_does(name: str) -> None:
    model, derived = build(name)
    assert derived.num_heads is not None
    reference = ViT(
        image_size=32,
        patch_size=4,
        num_classes=100,
        dim=derived.width,
        depth=derived.depth,
        heads=derived.num_heads,
        mlp_dim=2 * derived.width,
        dim_head=derived.width // derived.num_heads,
    )
    reference.to_patch_embedding[1] = reference.to_patch_embedding[3] = nn.Identity()  # norms that theirs has not
    weights = renamed(
        model.double().eval(),
        {
            "patch_embed.projection": "to_patch_embedding.2",
            "class_token": "cls_token",
            "positions.embedding": "pos_embedding",
            **TRANSFORMER,
            "norm": "transformer.norm",
            "head": "mlp_head",
        },
    )
    patches = weights["to_patch_embedding.2.weight"].view(derived.width, 3, 4, 4)
    weights["to_patch_embedding.2.weight"] = patches.permute(0, 2, 3, 1)  # colours last, there
    assert_same_logits(model, reference.double().eval(), weights)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("view", ["convolution", "attention", "auto"])
@pytest.mark.parametrize("name", ["lkca_t", "lkca_b"])
def test_lkca_is_the_authors_definition(name: str, view: str, training: bool) -> None:
    """Logits, and gradients to all parameters and to the images."""
    model = build(name, f"model.mixer.view={view}", "model.drop_path=0")[0].double().train(training)
    random = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2, generator=random)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=random).requires_grad_()
    target = torch.randn(2, 100, dtype=torch.float64, generator=random)
    leaves = [images, *model.parameters()]

    logits = model(images)
    expected = restated(model, images)
    close(logits, expected)
    gradients = torch.autograd.grad((logits * target).sum(), leaves)
    for gradient, value in zip(gradients, torch.autograd.grad((expected * target).sum(), leaves), strict=True):
        close(gradient, value)


def close(actual: Tensor, expected: Tensor) -> None:
    assert expected.abs().max() > 0
    assert (actual - expected).abs().max() <= 1e-12 * expected.abs().max()


def restated(model: VisionTransformer, images: Tensor) -> Tensor:
    """Logits by the authors' definition, with the weights of `model`."""
    weights = dict(model.named_parameters())
    n, side = 8, 4
    patches = [
        images[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side].flatten(1)
        for row in range(n)
        for column in range(n)
    ]
    tokens = affine(torch.stack(patches, dim=1), weights, "patch_embed.projection") + weights["positions.embedding"]
    for index in range(len(model.blocks)):
        block = f"blocks.{index}."
        value = norm(tokens, weights, block + "mixer_norm") @ weights[block + "mixer.value.weight"].T
        mixed = shared_weights(weights[block + "mixer.kernel"][0], n) @ value
        tokens = tokens + affine(mixed, weights, block + "mixer.output")
        hidden = F.gelu(affine(norm(tokens, weights, block + "mlp_norm"), weights, block + "mlp.expand"))
        tokens = tokens + affine(hidden, weights, block + "mlp.reduce")
    return affine(norm(tokens.mean(dim=1), weights, "norm"), weights, "head")


def shared_weights(kernel: Tensor, n: int) -> Tensor:
    """The N x N matrix: an n x n window slides over the kernel from its lower right corner to its upper left one, and
    each place, flattened, is a row."""
    rows = []
    for i in range(n):
        for j in range(n):
            top, left = n - 1 - i, n - 1 - j
            rows.append(kernel[top : top + n, left : left + n].flatten())
    return torch.stack(rows)


def affine(values: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(values: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    centred = values - values.mean(dim=-1, keepdim=True)
    scaled = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

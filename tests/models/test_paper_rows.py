"""The rows of the paper's table that vit-pytorch and timm have: their sizes, their outputs, and what is refused.

The counts are those of the modules in CatworldLee/LKCA-MiniViTsTrainer-Pytorch-CIFAR-TinyImageNet, commit c8e52c1.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from vit_pytorch.cait import CaiT
from vit_pytorch.cross_vit import CrossViT
from vit_pytorch.cvt import CvT
from vit_pytorch.deepvit import DeepViT
from vit_pytorch.mobile_vit import MobileViT
from vit_pytorch.regionvit import RegionViT
from vit_pytorch.rvt import RvT
from vit_pytorch.t2t import T2TViT
from vit_pytorch.twins_svt import TwinsSVT
from vit_pytorch.xcit import XCiT

from lkca_exp.config.checks import check
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job, compose
from lkca_exp.config.specs import SPECS
from lkca_exp.config.vit_pytorch_families import FAMILIES, arguments
from lkca_exp.models.build import build_model, check_buildable, count_parameters, no_weight_decay

SETS = ("cifar10", "cifar100", "tiny_imagenet")
COUNTS = {
    "t2t_t": (1_042_698, 1_054_308, 1_073_352),
    "t2t_s": (2_538_943, 2_547_673, 2_557_661),
    "t2t_b": (13_392_932, 13_416_062, 13_452_002),
    "rvt_t": (1_076_490, 1_082_340, 1_098_056),
    "rvt_s": (2_678_922, 2_690_532, 2_721_864),
    "cait_t": (1_001_306, 1_007_876, 1_025_832),
    "cait_s": (2_735_594, 2_744_324, 2_768_136),
    "xcit_t": (914_538, 925_428, 955_096),
    "xcit_s": (2_748_050, 2_765_420, 2_812_656),
    "deepvit_t": (963_466, 970_756, 990_664),
    "deepvit_s": (2_498_898, 2_511_228, 2_544_800),
    "regionvit_t": (811_646, 821_816, 974_172),
    "regionvit_s": (2_670_522, 2_693_652, 2_860_408),
    "regionvit_b": (12_101_146, 12_147_316, 12_385_752),
    "crossvit_t": (974_924, 993_464, 1_044_016),
    "crossvit_s": (2_313_812, 2_337_032, 2_400_272),
    "twins_s": (None, None, 2_757_768),
    "twins_b": (None, None, 9_037_776),
    "cvt_b": (6_479_274, 6_496_644, 6_515_944),
    "mobilevit": (8_096_174, 8_130_734, 8_169_134),
    "swin_t": (1_012_220, 1_035_350, 1_063_354),
    "swin_s": (2_867_287, 2_897_617, 2_934_341),
}
"""Parameters on the SETS; None where the model takes no images of that size."""


@functools.cache
def job(*overrides: str) -> Job:
    return compose(["data=tiny_imagenet", *overrides])


def build(*overrides: str, data: str = "tiny_imagenet") -> nn.Module:
    config = job(*overrides).config
    return build_model(config.model, check(config, SPECS[data]))


@pytest.mark.parametrize("row", COUNTS)
def test_every_row_has_the_parameters_of_the_authors_code(row: str) -> None:
    for data, count in zip(SETS, COUNTS[row], strict=True):
        if count is not None:
            with torch.device("meta"):
                model = build(f"model={row}", data=data)
            assert count_parameters(model) == count
            assert all(parameter.requires_grad for parameter in model.parameters())


def square(**options: Any) -> dict[str, Any]:
    """Arguments of a class that cuts images of 64 x 64 pixels into patches of 8 x 8."""
    return {"image_size": 64, "patch_size": 8, "num_classes": 200, **options}


def t2t(**options: Any) -> nn.Module:
    network = T2TViT(image_size=64, num_classes=200, heads=4, **options)
    network.mlp_head = nn.Sequential(nn.LayerNorm(options["dim"]), network.mlp_head)
    return network


def crossvit(dim: int, **options: Any) -> nn.Module:
    small = {"sm_dim": dim, "sm_enc_mlp_dim": dim, "sm_patch_size": 8, "sm_enc_depth": 1, "sm_enc_dim_head": 16}
    large = {"lg_dim": dim, "lg_enc_mlp_dim": dim, "lg_patch_size": 8, "lg_enc_depth": 4, "lg_enc_dim_head": 16}
    return CrossViT(image_size=64, num_classes=200, cross_attn_dim_head=16, **small, **large, **options)


def twins(widths: tuple[int, ...], depths: tuple[int, ...]) -> nn.Module:
    options = {}
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        values = {"emb_dim": width, "depth": depth, "patch_size": 2, "local_patch_size": 8, "global_k": 3}
        options |= {f"s{stage}_{name}": value for name, value in values.items()}
    return TwinsSVT(num_classes=200, **options)


def regionvit(dim: tuple[int, ...], depth: tuple[int, ...]) -> nn.Module:
    return RegionViT(dim=dim, depth=depth, window_size=8, local_patch_size=4, num_classes=200)


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "t2t_t": lambda: t2t(dim=128, depth=10, mlp_dim=128, dim_head=32, t2t_layers=((11, 8),)),
    "t2t_s": lambda: t2t(dim=96, depth=3, mlp_dim=96, dim_head=24, t2t_layers=((11, 8), (7, 4))),
    "t2t_b": lambda: t2t(dim=256, depth=8, mlp_dim=256, dim_head=64, t2t_layers=((7, 4), (3, 2), (2, 1))),
    "rvt_t": lambda: RvT(**square(dim=64, depth=6, heads=8, mlp_dim=64)),
    "rvt_s": lambda: RvT(**square(dim=128, depth=7, heads=8, mlp_dim=128)),
    "cait_t": lambda: CaiT(**square(dim=72, depth=16, cls_depth=1, mlp_dim=144, heads=4, dim_head=32)),
    "cait_s": lambda: CaiT(**square(dim=96, depth=18, cls_depth=2, mlp_dim=192, heads=4, dim_head=64)),
    "xcit_t": lambda: XCiT(**square(dim=120, depth=8, cls_depth=2, heads=4, mlp_dim=120, dim_head=30)),
    "xcit_s": lambda: XCiT(**square(dim=192, depth=10, cls_depth=2, heads=4, mlp_dim=192, dim_head=48)),
    "deepvit_t": lambda: DeepViT(**square(dim=80, depth=10, heads=4, mlp_dim=80, dim_head=64)),
    "deepvit_s": lambda: DeepViT(**square(dim=136, depth=14, heads=4, mlp_dim=136, dim_head=64)),
    "regionvit_t": lambda: regionvit((48, 72, 108, 112), (1, 1, 2, 1)),
    "regionvit_s": lambda: regionvit((48, 96, 128, 256), (1, 2, 3, 2)),
    "regionvit_b": lambda: regionvit((64, 128, 256, 512), (2, 2, 8, 2)),
    "crossvit_t": lambda: crossvit(102, cross_attn_depth=1, depth=2),
    "crossvit_s": lambda: crossvit(128, cross_attn_depth=2, depth=3),
    "twins_s": lambda: twins((16, 16, 24, 48), (1, 1, 2, 1)),
    "twins_b": lambda: twins((16, 32, 64, 128), (1, 1, 3, 2)),
    "cvt_b": lambda: CvT(num_classes=200, s1_emb_dim=32, s2_emb_dim=96, s3_emb_dim=192),
    "mobilevit": lambda: MobileViT(
        (64, 64),
        [224, 302, 324],
        [48, 53, 72, 72, 80, 80, 120, 120, 156, 156, 384],
        num_classes=200,
        patch_size=(1, 1),
    ),
}


@pytest.mark.parametrize("row", REFERENCES)
def test_a_row_computes_what_vit_pytorch_does(row: str) -> None:
    model = unlike_fresh(build(f"model={row}"))
    with torch.device("meta"):
        reference = REFERENCES[row]()
    reference.load_state_dict(model.state_dict(), assign=True)
    assert_same_logits(model, reference.eval())


@pytest.mark.parametrize(
    ("row", "width", "depths", "num_heads"),
    [("swin_t", 64, (1, 2, 1), (2, 4, 8)), ("swin_s", 84, (1, 3, 2), (3, 6, 12))],
)
def test_swin_computes_what_timm_does_with_positions_added(
    row: str, width: int, depths: tuple[int, ...], num_heads: tuple[int, ...]
) -> None:
    model = unlike_fresh(build(f"model={row}"))
    sizes = {"embed_dim": width, "depths": depths, "num_heads": num_heads, "window_size": 4, "mlp_ratio": 2}
    reference = SwinTransformer(img_size=64, patch_size=4, num_classes=200, **sizes).double().eval()
    weights = {name.replace("norm.norm", "norm"): tensor for name, tensor in model.state_dict().items()}
    positions = weights.pop("patch_embed.norm.positions.embedding")
    assert positions.shape == (1, 256, width)
    reference.load_state_dict(weights)

    def logits(images: Tensor) -> Tensor:
        patches = reference.patch_embed(images) + positions.view(1, 16, 16, width)
        return reference.forward_head(reference.norm(reference.layers(patches)))

    assert_same_logits(model, logits)


def unlike_fresh(model: nn.Module) -> nn.Module:
    """In float64, with norms, scales and statistics that are not those of a fresh model."""
    model = model.double().eval()
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.ndim == 1 and tensor.is_floating_point():
                tensor += 0.2 * torch.rand_like(tensor)
    return model


def assert_same_logits(model: nn.Module, reference: Callable[[Tensor], Tensor]) -> None:
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected = reference(images)
        torch.testing.assert_close(model(images), expected, rtol=1e-12, atol=1e-12)
    assert expected.std() > 0.01


def test_positions_start_small_and_beside_the_patches() -> None:
    positions = build("model=swin_t").get_parameter("patch_embed.norm.positions.embedding")
    assert positions.std().item() == pytest.approx(0.02, rel=0.05)
    tokens = build("model=timm", "model.name=vit_tiny_patch16_224", "model.positions=learned")
    assert tokens(torch.zeros(2, 3, 64, 64)).shape == (2, 200)


@pytest.mark.parametrize("row", COUNTS)
def test_weight_decay_is_for_matrices_and_kernels(row: str) -> None:
    with torch.device("meta"):
        model = build(f"model={row}")
    decayed = set(dict(model.named_parameters())) - no_weight_decay(model)
    mixing = ("mix_heads_pre_attn", "mix_heads_post_attn", "reattn_weights")
    assert all(name.endswith((".weight", *mixing)) for name in decayed)
    assert not [name for name in decayed if "position" in name or "rel_pos" in name]
    assert len(decayed) > 10
    assert no_weight_decay(copy.deepcopy(model)) == no_weight_decay(model)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_arguments_read_off_the_source_are_those_of_the_class(family: str) -> None:
    made = getattr(importlib.import_module(f"vit_pytorch.{family}"), FAMILIES[family].class_name)
    signature = inspect.signature(made).parameters
    empty = inspect.Parameter.empty
    expected = {name: ... if given.default is empty else given.default for name, given in signature.items()}
    assert arguments(family) == expected
    assert set(FAMILIES[family].from_data) <= set(expected)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=t2t_s", "data=digits"], ["model.family=t2t", "images of 8 x 8 pixels"]),
        (["model=rvt_t", "model.options.depth=deep"], ["model.family=rvt", "cannot build its RvT", "depth=deep"]),
        (["model=regionvit_t", "model.options.dim=[48,72]"], ["model.family=regionvit", "length 4", "dim=(48, 72)"]),
        (["model=vit_pytorch", "model.family=t2t", "+model.options.dim=8"], ["model.family=t2t", "must be supplied"]),
        (["model=resnet18", "model.positions=learned"], ["model.positions=learned", "no patch embedding"]),
    ],
)
def test_what_cannot_be_built_is_refused_before_training(overrides: list[str], words: list[str]) -> None:
    made = job(*overrides)
    with pytest.raises(ConfigError) as refusal:
        check_buildable(made.config.model, made.derived)
    assert all(word in str(refusal.value) for word in words), refusal.value

"""The models that `bench model` compares: ours with attention and with LKCA, timm's ViT and vit-pytorch's, of one size.

All read the mean of the tokens and drop nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from lkca_exp.config.derive import VitDerived
from lkca_exp.config.job import compose
from lkca_exp.data.specs import SPECS
from lkca_exp.models.build import build_model, choose_backend, count_parameters, flops_per_image, use_backend

SIZE = ("data=cifar100", "model.size=lee2021", "model.drop_path=0")
"""Overrides of the size of Lee et al. 2021, arXiv 2112.13492, on 32 x 32 images: 192 channels, 9 blocks, 12 heads, MLP
ratio 2, 8 x 8 tokens."""

OURS = {"attention": "ours, attention", "lkca": "ours, LKCA"}
"""Mixer -> name of the contender."""
PEERS = ("timm", "vit-pytorch")


class Contender(NamedTuple):
    """`make` builds the model for a batch size and a dtype, with fresh weights. `flops_per_image` is of a forward pass,
    matrix products only; for LKCA those of its attention view, whatever computes it."""

    name: str
    make: Callable[[int, torch.dtype], nn.Module]
    parameters: int
    flops_per_image: int


def contenders(size: Sequence[str] = SIZE) -> Iterator[Contender]:
    """All of them, less a peer that is not installed, about which there is a line on stderr."""
    for mixer in OURS:
        yield _ours(mixer, size)
    derived = compose([*size, "model/mixer=attention"], SPECS).derived
    assert isinstance(derived, VitDerived)
    for name, make in zip(PEERS, (_timm, _vit_pytorch), strict=True):
        if importlib.util.find_spec(name.replace("-", "_")) is None:
            print(f"lkca_exp: {name} is not installed, so it is not compared: pip install {name}", file=sys.stderr)
            continue
        model = make(derived)
        count, flops = count_parameters(model), flops_per_image(model, derived)
        yield Contender(name, lambda batch, dtype, make=make: make(derived), count, flops)  # type: ignore[misc]


def _ours(mixer: str, size: Sequence[str]) -> Contender:
    job = compose([*size, f"model/mixer={mixer}"], SPECS)

    def make(batch: int, dtype: torch.dtype) -> nn.Module:
        model = build_model(job.config.model, job.derived)
        use_backend(model, choose_backend(job.config.model, job.derived, batch, dtype, "cpu"))
        return model

    model = build_model(job.config.model, job.derived)
    use_backend(model, "toeplitz")
    return Contender(OURS[mixer], make, count_parameters(model), flops_per_image(model, job.derived))


def _timm(size: VitDerived) -> nn.Module:
    module = importlib.import_module("timm.models.vision_transformer")
    return module.VisionTransformer(
        img_size=size.image_size,
        patch_size=size.patch_size,
        in_chans=size.channels,
        num_classes=size.num_classes,
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.num_heads,
        mlp_ratio=size.mlp_ratio,
        class_token=False,
        global_pool="avg",
    )


def _vit_pytorch(size: VitDerived) -> nn.Module:
    assert size.num_heads is not None
    return importlib.import_module("vit_pytorch").ViT(
        image_size=size.image_size,
        patch_size=size.patch_size,
        channels=size.channels,
        num_classes=size.num_classes,
        dim=size.width,
        depth=size.depth,
        heads=size.num_heads,
        dim_head=size.width // size.num_heads,
        mlp_dim=round(size.width * size.mlp_ratio),
        pool="mean",
    )

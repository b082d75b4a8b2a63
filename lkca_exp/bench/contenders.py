"""The models that `bench model` compares.

Of one skeleton: ours with attention and with a kernel per channel, timm's ViT and vit-pytorch's. All read the mean of
the tokens and drop nothing. Of the paper's sizes: LKCA and the ViT of as many parameters, and LKCA in the form that its
authors published. They are what `conf/model` has, with stochastic depth.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.job import compose
from lkca_exp.models.build import build_model, choose_backend, count_parameters, flops_per_image, use_backend
from lkca_exp.models.mixers.lkca import Lkca
from lkca_exp.models.vit import VisionTransformer

SIZE = ("data=cifar100", "model.size=lee2021", "model.drop_path=0")
"""Overrides of the size of Lee et al. 2021, arXiv 2112.13492, on 32 x 32 images: 192 channels, 9 blocks, 12 heads, MLP
ratio 2, 8 x 8 tokens."""

OURS = {"attention": "ours, attention", "lkca_depthwise": "ours, LKCA depthwise"}
"""Mixer -> name of the contender."""
PEERS = ("timm", "vit-pytorch")
PAPER = {"lkca_t": "vit_lite", "lkca_b": "vit_small"}
"""LKCA of the paper's table -> the ViT there of as many parameters."""


class Contender(NamedTuple):
    """`make` builds the model for a batch size, a dtype and a kind of device, with fresh weights, on the CPU.
    `flops_per_image` is of a forward pass, matrix products only; for LKCA those of its attention view, whatever
    computes it."""

    name: str
    make: Callable[[int, torch.dtype, str], nn.Module]
    parameters: int
    flops_per_image: int


def contenders(size: Sequence[str] = SIZE) -> Iterator[Contender]:
    """All of one skeleton."""
    for mixer, name in OURS.items():
        yield _made(name, [*size, f"model/mixer={mixer}"])
    derived = compose([*size, "model/mixer=attention"]).derived
    assert isinstance(derived, VitDerived)
    for name, make in zip(PEERS, (_timm, _vit_pytorch), strict=True):
        model = make(derived)
        count, flops = count_parameters(model), flops_per_image(model, derived)
        yield Contender(name, lambda batch, dtype, device, make=make: make(derived), count, flops)  # type: ignore[misc]


def paper_contenders(further: Sequence[str] = ()) -> Iterator[Contender]:
    """LKCA as we compute it, as its authors do, and the ViT that it is compared with; all with `further` overrides."""
    for lkca, vit in PAPER.items():
        overrides = ["data=cifar100", f"model={lkca}", *further]
        yield _made(lkca, overrides)
        yield _made(as_published(lkca), overrides, change=_publish)
        yield _made(vit, ["data=cifar100", f"model={vit}", *further])


def as_published(name: str) -> str:
    return f"{name} as published"


class PublishedLkca(nn.Module):
    """LKCA as its authors run it (Li et al. 2024, arXiv 2401.05738): every channel of every image is an image of its
    own, which torch's conv2d convolves with the one kernel. It has the weights of `ours`."""

    def __init__(self, ours: Lkca) -> None:
        super().__init__()
        self.value, self.output, self.grid = ours.value, ours.output, ours.grid
        self.kernel = nn.Parameter(ours.kernel.detach()[None])

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        batch, num_tokens, width = tokens.shape
        images = self.value(tokens).mT.reshape(batch * width, 1, *self.grid)
        mixed = F.conv2d(images, self.kernel, padding=self.kernel.shape[-1] // 2)
        return self.output(mixed.view(batch, width, num_tokens).mT)


def _publish(model: nn.Module) -> None:
    assert isinstance(model, VisionTransformer)
    for block in model.blocks:
        block.mixer = PublishedLkca(block.get_submodule("mixer"))  # type: ignore[arg-type]


def _made(name: str, overrides: Sequence[str], change: Callable[[nn.Module], None] | None = None) -> Contender:
    """A model of this project, after `change`. Operations are those before it, of LKCA's attention view."""
    job = compose(overrides)

    def make(batch: int, dtype: torch.dtype, device: str) -> nn.Module:
        model = build_model(job.config.model, job.derived)
        use_backend(model, choose_backend(job.config.model, job.derived, batch, dtype, device))
        if change:
            change(model)
        return model

    model = build_model(job.config.model, job.derived)
    use_backend(model, "toeplitz")
    return Contender(name, make, count_parameters(model), flops_per_image(model, job.derived))


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

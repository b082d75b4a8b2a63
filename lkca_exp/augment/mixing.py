"""MixUp (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899): an image and its label
are mixed with those of another image of the batch, everywhere a little or wholly inside a box.

Both are one weighted mean: the weight of the image itself is the same for all of its pixels, or 0 inside the box and 1
outside; the share of its label is the mean of the weights. Origin: Lee et al. 2021 (SPT_LSA_ViT, main.py and
utils/mix.py), where a part of the batches is mixed, all images of a batch in one way. Drawn for each image by itself on
request, as timm's mode "elem" does. Partners are a permutation of the batch, not timm's mirror image of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lkca_exp.augment.boxes import around


class Mix(NamedTuple):
    """`partners` (B,) are indices into the batch; `weights` (B, 1, H, W), or what broadcasts to it, are of the images
    themselves, `shares` (B, 1) or (1, 1) of their labels."""

    partners: Tensor
    weights: Tensor
    shares: Tensor

    def of(self, images: Tensor) -> Mix:
        """The same of those `images` of the batch, whose partners follow on them in their order."""
        count = len(images)
        weights, shares = (
            part[images] if len(part) == len(self.partners) else part for part in (self.weights, self.shares)
        )
        return Mix(torch.arange(count, 2 * count), weights, shares)


@dataclass(frozen=True)
class Mixing:
    """`probability` that a batch (or, `per_image`, an image) is mixed; alpha is the parameter of the symmetric beta
    distribution of the share, 0 for a way that is not used. Two ways that are used are equally likely."""

    probability: float
    cutmix_alpha: float = 1.0
    mixup_alpha: float = 1.0
    per_image: bool = False

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Mix | None:
        """How a batch of `count` images of `size` (H, W) is mixed; None if it is not."""
        num_draws = count if self.per_image else 1
        mixed = torch.rand(num_draws, generator=generator) < self.probability
        if not mixed.any():
            return None
        cut = torch.rand(num_draws, generator=generator) < self._cutmix_probability()
        partners = torch.randperm(count, generator=generator)
        weights = torch.where(cut.view(-1, 1, 1, 1), *self._ways(num_draws, size, generator))
        weights = torch.where(mixed.view(-1, 1, 1, 1), weights, 1.0)
        return Mix(partners, weights, weights.mean((2, 3)))

    def _cutmix_probability(self) -> float:
        return (self.cutmix_alpha > 0) / ((self.cutmix_alpha > 0) + (self.mixup_alpha > 0))

    def _ways(self, count: int, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Weights (count, 1, H, W) of CutMix and of MixUp."""
        height, width = size
        outside = draw_beta(self.cutmix_alpha, count, generator)
        inside = (1 - outside).sqrt()
        rows, columns = (torch.randint(side, (count,), generator=generator) for side in size)
        boxes = around(rows, columns, (height * inside).long(), (width * inside).long(), size)
        evenly = draw_beta(self.mixup_alpha, count, generator)
        return (~boxes.masks(height, width)).float(), evenly.view(-1, 1, 1, 1).expand(-1, -1, height, width)


def draw_beta(alpha: float, count: int, generator: torch.Generator) -> Tensor:
    """From Beta(alpha, alpha); ones where alpha is 0, which mixes nothing."""
    if alpha == 0:
        return torch.ones(count)
    one, other = torch._standard_gamma(torch.full((2, count), alpha), generator=generator)
    return one / (one + other)


def mix(images: Tensor, labels: Tensor, how: Mix | None, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mixed images (B, C, H, W), and targets (B, classes) whose rows sum to 1. B are the first of `images`, all of them
    unless there are further ones that are only partners."""
    targets = F.one_hot(labels, num_classes).float()
    if how is None:
        return images, targets
    count = len(how.partners)
    others = images.index_select(0, how.partners)
    images = torch.lerp(others, images[:count], how.weights, out=others)
    return images, torch.lerp(targets.index_select(0, how.partners), targets[:count], how.shares)

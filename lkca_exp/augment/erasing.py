"""Random erasing (Zhong et al. 2020, arXiv 1708.04896) and cutout (DeVries and Taylor 2017, arXiv 1708.04552).

Both blank a rectangle of the normalised image: erasing one of random area and shape in some of the images, cutout a
square about a random pixel in all of them. Origin of erasing: the protocol of Lee et al. 2021 (SPT_LSA_ViT,
utils/random_erasing.py), whose aspect ratios are even between `min_aspect` and its inverse, and which writes the
channel means into the image that was normalised already: a little off its mean, which is zero. timm draws the logarithm
of the aspect ratio evenly and writes noise. Both are choices here.
Deviation: a shape that does not fit is drawn again up to 10 times, as in torchvision, not 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lkca_exp.augment.boxes import Boxes, around

ATTEMPTS = 10


@dataclass(frozen=True)
class Erasing:
    """`fill`: "zero" (the data set's mean colour), "mean" (the figures of the channel means) or "noise" (normal)."""

    probability: float
    min_area: float = 0.02
    max_area: float = 0.4
    min_aspect: float = 0.3
    aspect: str = "uniform"
    fill: str = "mean"

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> Boxes:
        """A box for each of `count` images of `size` (H, W), empty where nothing is erased."""
        erased = torch.rand(count, generator=generator) < self.probability
        areas = size[0] * size[1] * self._between(self.min_area, self.max_area, count, generator)
        aspects = self._aspects(count, generator)
        heights, widths = (areas * aspects).sqrt().round().long(), (areas / aspects).sqrt().round().long()
        fits = (heights < size[0]) & (widths < size[1])
        first = fits.int().argmax(1, keepdim=True)  # the first attempt that fits
        erased &= fits.any(1)
        height, width = (sides.gather(1, first)[:, 0] * erased for sides in (heights, widths))
        top = (torch.rand(count, generator=generator) * (size[0] - height + 1)).long()
        left = (torch.rand(count, generator=generator) * (size[1] - width + 1)).long()
        return Boxes(top, top + height, left, left + width)

    def _aspects(self, count: int, generator: torch.Generator) -> Tensor:
        if self.aspect == "uniform":
            return self._between(self.min_aspect, 1 / self.min_aspect, count, generator)
        widest = -math.log(self.min_aspect)
        return self._between(-widest, widest, count, generator).exp()

    def _between(self, low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
        return low + (high - low) * torch.rand(count, ATTEMPTS, generator=generator)


def draw_cutout(count: int, side_px: int, size: tuple[int, int], generator: torch.Generator) -> Boxes:
    """Squares about any pixel of images of `size` (H, W), cut at the border."""
    rows = torch.randint(size[0], (count,), generator=generator)
    columns = torch.randint(size[1], (count,), generator=generator)
    sides = torch.full((count,), side_px)
    return around(rows, columns, sides, sides, size)


def draw_fill(
    fill: str, erased: Boxes, mean: Sequence[float], shape: tuple[int, int, int], generator: torch.Generator
) -> Tensor:
    """What is written into the images (N, C, H, W) whose box is not empty, or what broadcasts to it."""
    match fill:
        case "zero":
            return torch.zeros(1)
        case "mean":
            return torch.tensor(mean).view(-1, 1, 1)
        case _:
            return torch.randn(int(erased.areas().count_nonzero()), *shape, generator=generator)


class Blank(NamedTuple):
    """What is written into a batch: `values`, broadcast over N images (N, C, H, W), into their `boxes`, which are not
    empty. `places` (N,) are those images."""

    places: Tensor
    boxes: Boxes
    values: Tensor

    @classmethod
    def into(cls, boxes: Boxes, values: Tensor) -> Blank:
        """`values` for those images of a batch whose box is not empty."""
        places = boxes.areas().nonzero()[:, 0]
        return cls(places, Boxes(*(side[places] for side in boxes)), values)

    def of(self, images: Tensor, count: int) -> Blank:
        """The same of those `images` of a batch of `count`."""
        number = torch.full((count,), -1).index_copy_(0, self.places, torch.arange(len(self.places)))[images]
        places = (number >= 0).nonzero()[:, 0]
        chosen = number[places]
        values = self.values[chosen] if self.values.ndim == 4 else self.values
        return Blank(places, Boxes(*(side[chosen] for side in self.boxes)), values)


def blank(images: Tensor, blanks: Blank) -> Tensor:
    """Write into `images` (B, C, H, W)."""
    return (blank_singly if images.device.type == "cpu" else blank_together)(images, blanks)


def blank_singly(images: Tensor, blanks: Blank) -> Tensor:
    """Touches the pixels inside alone, with one call for each image: numpy's, which cost a fifth of torch's."""
    places = blanks.places.tolist()
    pixels, filling = images.numpy(), blanks.values.expand(len(places), *images.shape[1:]).numpy()
    sides = torch.stack(blanks.boxes, 1).tolist()
    for place, value, (top, bottom, left, right) in zip(places, filling, sides, strict=True):
        pixels[place, :, top:bottom, left:right] = value[:, top:bottom, left:right]
    return images


def blank_together(images: Tensor, blanks: Blank) -> Tensor:
    """Copies whole images, with the same few calls for any number of them."""
    masks = blanks.boxes.masks(*images.shape[-2:])
    blanked = torch.where(masks, blanks.values, images.index_select(0, blanks.places))
    return images.index_copy_(0, blanks.places, blanked)

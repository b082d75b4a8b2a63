"""Operations on colours, each image with its own strength.

Every function gives, grey level for grey level, what its namesake of torchvision.transforms.v2.functional gives for one
image: the same steps in the same precision, where a scalar there is a value per image here. Images are (B, C, H, W) in
uint8, C is 1 or 3; strengths are (B,) in double precision.
"""

from __future__ import annotations

import torch
from torch import Tensor


def per_image(values: Tensor) -> Tensor:
    """(B,) as single precision (B, 1, 1, 1)."""
    return values.float().view(-1, 1, 1, 1)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    return to_uint8(images * per_image(factors))


def color(images: Tensor, factors: Tensor) -> Tensor:
    """Between grey (factor 0), the image (1) and beyond. A grey image stays what it is."""
    return images if images.shape[1] == 1 else blend(images, luminance(images), factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Between the mean grey (factor 0), the image (1) and beyond."""
    grey = luminance(images)
    # Written out for every pixel: a second factor of one value per image would keep the loop from vectorising.
    return blend(images, grey.copy_(grey.mean((1, 2, 3), keepdim=True)), factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Between the image smoothed by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13 (factor 0), the image (1) and beyond; the
    border stays."""
    values = images.float()
    return to_uint8(values.addcmul_(smoothing(values), per_image(1 - factors)))


def smoothing(values: Tensor) -> Tensor:
    """What smoothing by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13, rounded, adds to the `values` (B, C, H, W), whole
    numbers in single precision: 0 on the border."""
    height, width = values.shape[-2:]
    change = torch.zeros_like(values)
    if min(height, width) <= 2:
        return change
    # One row of all pixels makes long loops; sums that run over a border are not taken.
    row, inside = values.view(-1), slice(width + 1, -width - 1)
    columns = (row[: -2 * width] + row[width:-width]).add_(row[2 * width :])
    sums = (columns[:-2] + columns[1:-1]).add_(columns[2:])
    smooth = sums.add_(row[inside], alpha=4).div_(13).round_()  # thirteenths are never halves: there are no ties
    torch.sub(smooth, row[inside], out=change.view(-1)[inside])
    for side in (change[..., 0, :], change[..., -1, :], change[..., 0], change[..., -1]):
        side.zero_()
    return change


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits`."""
    masks = (255 << (8 - bits.int())).to(torch.uint8)  # not 2 ** (8 - bits): a GPU's power is not always exact
    return images & masks.view(-1, 1, 1, 1)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert what reaches the threshold, which is relative to the largest value."""
    return invert_from(images, (255 * thresholds).float().ceil())


def invert_from(images: Tensor, levels: Tensor) -> Tensor:
    """Invert the grey levels from `levels` (B,) on, whole numbers from 0 (all of them) to 256 (none)."""
    lowest = levels.clamp(max=255).to(torch.uint8).view(-1, 1, 1, 1)
    mask = torch.where(levels < 256, 255, 0).to(torch.uint8).view(-1, 1, 1, 1)
    reached = torch.maximum(images, lowest) == images  # images >= levels does not vectorise
    return images ^ reached.view(torch.uint8).mul_(mask)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel over all grey levels; a channel of one level stays."""
    low, high = (side.float() for side in (images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)))
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) * (1 / 255))
    return to_uint8((images - torch.where(flat, 0.0, low)).div_(scale))


def equalize(images: Tensor) -> Tensor:
    """Spread the grey levels of each channel evenly, by PIL's rule; a channel of too few pixels or levels stays."""
    planes = images.shape[0] * images.shape[1]
    # int32 throughout: half the traffic of indices, and sums of unlike types take a slow path.
    first = torch.arange(0, planes * 256, 256, dtype=torch.int32, device=images.device).view(-1, 1)
    places = images.reshape(planes, -1).int().add_(first)
    counts = _histograms(places.view(-1), planes * 256).view(planes, 256)
    highest = images.amax((2, 3)).view(planes, 1).long()
    return equalizing_tables(counts, highest).view(-1).index_select(0, places.view(-1)).view_as(images)


def _histograms(places: Tensor, length: int) -> Tensor:
    """How often each number up to `length` is in `places`. bincount is the fastest on a CPU; on a GPU it would wait to
    read the largest number."""
    if places.device.type == "cpu":
        return torch.bincount(places, minlength=length)
    return torch.zeros(length, dtype=torch.int32, device=places.device).index_add_(0, places, torch.ones_like(places))


def equalizing_tables(counts: Tensor, highest: Tensor) -> Tensor:
    """Look-up tables (P, 256) in uint8 from histograms (P, 256): (pixels below + step // 2) // step, where a step is a
    255th of the pixels below the `highest` level (P, 1).

    Whole numbers in single precision, whose division is many times as fast and exact below 2^23 pixels.
    """
    up_to = counts.cumsum(1).float()  # of whole numbers, whose order does not matter on a GPU either
    counts = counts.float()
    step = ((up_to[:, -1:] - counts.gather(1, highest)) / 255).floor_()
    table = ((up_to - counts + (step / 2).floor_()) / step.clamp(min=1)).floor_().clamp_(max=255)
    levels = torch.arange(256, device=counts.device)
    return torch.where(step > 0, table, levels).to(torch.uint8)


def luminance(images: Tensor) -> Tensor:
    """Grey levels (B, 1, H, W), whole numbers in single precision."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.unbind(1)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_().unsqueeze(1)


def blend(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    """factor * image + (1 - factor) * other, rounded once after the sum as torchvision's addition rounds it."""
    return to_uint8((images * per_image(factors)).addcmul_(others, per_image(1 - factors)))


def to_uint8(values: Tensor) -> Tensor:
    """Cut to what fits, fractions dropped, by way of int16: torch has no vector loop from floats to bytes."""
    return values.short().clamp_(0, 255).to(torch.uint8)

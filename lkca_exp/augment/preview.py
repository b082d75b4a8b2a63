"""A picture of what the model sees: the images of a training batch in a grid, with their labels.

Images are taken back from their normalised values, so that what the whole pipeline did can be seen: erased rectangles
appear as they are written, mixed images with the shares of both of their labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from lkca_exp.augment.normalise import denormalise

CELL_PX = 112
GAP_PX = 12
CAPTION_PX = 34
FONT_PX = 13
PAPER, INK, FAINT, FRAME = (255, 255, 255), (28, 32, 40), (120, 126, 138), (214, 218, 226)
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

SMALLEST_SHARE = 0.005
"""Labels of a smaller share are left out of a caption."""


def write_preview(
    file: Path,
    images: Tensor,
    targets: Tensor,
    class_names: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
    title: str = "",
    columns: int = 8,
) -> None:
    """Write a PNG of normalised `images` (B, C, H, W) with `targets`, labels (B,) or shares (B, classes).

    `mean` and `std` are those that the images were normalised with.
    """
    pictures = denormalise(images.cpu(), mean, std).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    columns = min(columns, len(pictures))
    top = GAP_PX + (2 * FONT_PX if title else 0)
    step_x, step_y = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    size = (GAP_PX + columns * step_x, top + math.ceil(len(pictures) / columns) * step_y)
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_PX)
    if title:
        draw.text((GAP_PX, GAP_PX), title, INK, ImageFont.load_default(FONT_PX + 3))
    for number, (picture, target) in enumerate(zip(pictures, targets.cpu(), strict=True)):
        x, y = GAP_PX + number % columns * step_x, top + GAP_PX + number // columns * step_y - GAP_PX // 2
        sheet.paste(Image.fromarray(picture).resize((CELL_PX, CELL_PX), Image.Resampling.NEAREST), (x, y))
        draw.rectangle((x - 1, y - 1, x + CELL_PX, y + CELL_PX), outline=FRAME)
        for line, text in enumerate(caption(target, class_names)):
            _text(draw, (x, y + CELL_PX + 3 + line * (FONT_PX + 2)), text, INK if line == 0 else FAINT, font)
    sheet.save(file, "PNG")


def caption(target: Tensor, class_names: Sequence[str]) -> list[str]:
    """The label's name or, of a mixed image, the two largest shares, the larger first."""
    if target.ndim == 0:
        return [class_names[int(target)]]
    shares, labels = target.topk(min(2, len(target)))
    if len(shares) == 1 or shares[1] < SMALLEST_SHARE:
        return [class_names[int(labels[0])]]
    return [f"{share:.0%} {class_names[int(label)]}" for share, label in zip(shares, labels, strict=True)]


def _text(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    font: Font,
) -> None:
    """Write one line, shortened to the width of a cell."""
    shown = text
    while draw.textlength(shown, font) > CELL_PX and len(shown) > 1:
        text = text[:-1]
        shown = text.rstrip() + "…"
    draw.text(place, shown, colour, font)

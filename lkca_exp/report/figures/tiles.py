"""Small pictures side by side, a row a variant."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from lkca_exp.report.figures.model import Tiles
from lkca_exp.report.figures.shapes import WIDTH, escape, px, series, shortened, tipped

GAP = 4.0  # pixels
NAME = 18.0  # pixels, of the line above a row
HEAD = 22.0  # pixels, of the line above all rows
LARGEST = 120.0  # pixels, a picture's side
PALETTE = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)])
"""Of the map "inferno" (matplotlib), which is as ordered without colours; from nothing to the most."""


def draw_tiles(figure: Tiles) -> tuple[str, float]:
    """The drawing and its height. Pictures of different sizes are drawn as wide as each other."""
    columns = max(len(row.pictures) for row in figure.rows)
    side = min((WIDTH + GAP) / columns - GAP, LARGEST)
    heads = max((row.pictures for row in figure.rows), key=len)
    pieces = [
        f'<text x="{px(index * (side + GAP) + side / 2)}" y="12" text-anchor="middle">{escape(name)}</text>'
        for index, (name, _) in enumerate(heads)
    ]
    top = HEAD
    for row in figure.rows:
        drawn = [
            f'<text class="ink" x="0" y="{px(top + 13)}">{escape(shortened(row.name))}</text>',
            f'<text x="{px(WIDTH)}" y="{px(top + 13)}" text-anchor="end">{escape(row.remark)}</text>',
        ]
        top += NAME
        for index, (name, levels) in enumerate(row.pictures):
            place = f'x="{px(index * (side + GAP))}" y="{px(top)}" width="{px(side)}" height="{px(side)}"'
            image = f'<image {place} href="{address(levels)}" preserveAspectRatio="none" class="pixels"/>'
            drawn.append(tipped(image, f"{row.name}, {name}"))
        pieces.append(series(row.name, "".join(drawn)))
        top += side + 2 * GAP
    return "".join(pieces), top


def address(levels: np.ndarray) -> str:
    """A picture (H, W) of values from 0 on, its largest the brightest, as an address that has all of it."""
    image = Image.fromarray((255 * levels / levels.max()).round().astype(np.uint8))
    anchors = np.linspace(0, 255, len(PALETTE))
    channels = [np.interp(np.arange(256), anchors, values) for values in PALETTE.T]
    image.putpalette(np.stack(channels, axis=1).round().astype(int).flatten().tolist())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

"""A table of shares as shaded squares."""

from __future__ import annotations

import math

import numpy as np

from lkca_exp.report.figures.model import Heatmap
from lkca_exp.report.figures.shapes import WIDTH, escape, px

FEW = 20  # rows whose shares can be written out


def draw_heatmap(figure: Heatmap) -> tuple[str, float]:
    """The drawing and its height. Cells shaded by share to the nearest tenth; written where there are few."""
    size = len(figure.shares)
    left, top = 44.0, 34.0
    side = (WIDTH - left - 6) / size
    pieces = [
        f'<text x="0" y="12">↓ {escape(figure.row_title)}</text>',
        f'<text x="{px(WIDTH - 6)}" y="12" text-anchor="end">{escape(figure.column_title)} →</text>',
    ]
    every = math.ceil(size / FEW)
    for index in range(0, size, every):
        middle = (index + 0.5) * side
        pieces.append(f'<text x="{px(left - 6)}" y="{px(top + middle + 4)}" text-anchor="end">{index}</text>')
        if size <= FEW:
            pieces.append(f'<text x="{px(left + middle)}" y="{px(top - 6)}" text-anchor="middle">{index}</text>')
    for level in range(1, 11):
        cells = np.argwhere(np.round(10 * figure.shares) == level)
        path = "".join(
            f"M{px(left + c * side)} {px(top + r * side)}h{px(side)}v{px(side)}h{px(-side)}z" for r, c in cells
        )
        if path:
            pieces.append(f'<path class="cell" fill-opacity="{level / 10:g}" d="{path}"/>')
    if size <= FEW:
        for row, column in np.argwhere(figure.shares >= 0.01):
            share = figure.shares[row, column]
            shade = "onfull" if share > 0.5 else "ink"
            place = f'x="{px(left + (column + 0.5) * side)}" y="{px(top + (row + 0.5) * side + 4)}"'
            pieces.append(f'<text class="{shade}" {place} text-anchor="middle">{100 * share:.0f}</text>')
    ends = top + size * side
    square = f'width="{px(size * side)}" height="{px(size * side)}"'
    pieces.append(f'<rect class="grid" x="{px(left)}" y="{px(top)}" {square} fill="none"/>')
    return "".join(pieces), ends + 8

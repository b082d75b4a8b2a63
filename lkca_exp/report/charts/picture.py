"""Values and images as small pictures, for what is shown on the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

SIDE = 96
"""Pixels at least, so that no viewer blurs the values into one another."""
PALETTE = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)])
"""Of the map "inferno" (matplotlib), which is as ordered without colours; from nothing to the most."""


LARGEST_SIDE = 64
"""Pixels of an image on the page; a larger one is made smaller."""


def address(levels: np.ndarray) -> str:
    """A picture (H, W) of values from 0 on, its largest the brightest, as an address that has all of it."""
    shades = (255 * levels / levels.max()).round().astype(np.uint8)
    times = -(-SIDE // max(levels.shape))
    image = Image.fromarray(shades.repeat(times, axis=0).repeat(times, axis=1))
    anchors = np.linspace(0, 255, len(PALETTE))
    channels = [np.interp(np.arange(256), anchors, values) for values in PALETTE.T]
    image.putpalette(np.stack(channels, axis=1).round().astype(int).flatten().tolist())
    return _address(image)


def image_address(pixels: np.ndarray) -> str:
    """An image (C, H, W) in uint8, of 1 or 3 channels, likewise."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return _address(image)


def _address(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

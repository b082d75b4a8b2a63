"""From an image of any kind to the pixels that a model takes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def pixels_of(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """An image as (channels, size, size) in uint8: turned as its EXIF data say, transparent parts white, 16 bits to 8,
    as RGB or, with one channel, grey; the largest square in its centre resized, with antialiasing. An image of that
    size keeps its pixels."""
    if image.format == "JPEG":
        image.draft(None, (2 * size, 2 * size))  # decode fewer pixels, where many more are there
    image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BITS:
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB" if channels == 3 else "L")
    pixels = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))
    return pixels.transpose(2, 0, 1) if channels == 3 else pixels[None]

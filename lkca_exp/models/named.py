"""Models by their names in conf/model, for programs that bring their own data."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from lkca_exp.config.folder import facts_of_images
from lkca_exp.config.job import compose
from lkca_exp.models import build


def build_model(
    name: str,
    num_classes: int,
    image_size: int,
    channels: int = 3,
    seed: int = 0,
    overrides: Sequence[str] = (),
) -> nn.Module:
    """The model `model=NAME` for images (B, channels, image_size, image_size), with fresh weights, from `seed`.

    There are about 8 x 8 patches, as in the literature, unless `overrides` say otherwise; these are as on
    the command line, such as "model/mixer=lkca_depthwise" or "model.patch_size=2".

    Raises:
        ConfigError: if there is no such model, or it does not fit such images.
    """
    facts = facts_of_images(image_size, channels, tuple(map(str, range(num_classes))))
    job = compose([f"model={name}", *overrides], facts)
    build.check_buildable(job.config.model, job.derived)
    return build.build_model(job.config.model, job.derived, seed)

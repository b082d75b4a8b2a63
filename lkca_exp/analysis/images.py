"""The images that an analysis looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from lkca_exp.augment.normalise import normalise
from lkca_exp.config.specs import SPECS
from lkca_exp.data.prepare import RunData


def first_test_images(data: RunData, name: str, count: int) -> Tensor:
    """Images (count, channels, H, W) of the data set `name`, normalised as for its models."""
    return normalise(torch.from_numpy(data.test.images[:count].copy()), SPECS[name].mean, SPECS[name].std)

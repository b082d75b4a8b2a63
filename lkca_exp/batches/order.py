"""Which image comes when, in one epoch.

Origin: RASampler as Lee et al. 2021 use it (SPT_LSA_ViT, utils/sampler.py), after Hoffer et al. 2020 (arXiv
1901.09335): an endless row of permutations of the images, each image `repeats` times in a row, of which an epoch takes
the first `passes_per_epoch` times as many entries as there are images. So
- repeats=3 alone is repeated augmentation as DeiT does it: an epoch is as long as ever and has a third of the images;
- passes_per_epoch=3 alone is what Lee et al.'s "repeated augmentation x3" amounts to (`RASampler(n, batch, 1, 3)`):
  an epoch is three times as long, every image comes three times, copies rarely meet in a batch. Their 100 epochs are
  300 passes over the images.
"""

from __future__ import annotations

import torch
from torch import Tensor


def epoch_order(num_images: int, generator: torch.Generator, *, repeats: int = 1, passes_per_epoch: int = 1) -> Tensor:
    """Indices of the images in their order, `passes_per_epoch * num_images` of them."""
    num_permutations = -(-passes_per_epoch // repeats)
    permutations = [torch.randperm(num_images, generator=generator) for _ in range(num_permutations)]
    return torch.cat(permutations).repeat_interleave(repeats)[: passes_per_epoch * num_images]

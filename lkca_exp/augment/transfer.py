"""From the host to a device in one piece.

What is drawn for a chunk of batches is some thirty small tensors. Each copied by itself, and from memory that the
system may move, would have the host wait until the device has done all that it was given before.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

ALIGNMENT = 16
"""Bytes: of the largest number that a tensor may have."""
Tree = TypeVar("Tree")


def to_device(tree: Tree, device: torch.device | str) -> Tree:
    """`tree`, nested tuples and lists, with all of its tensors on `device`. To a GPU they go as one pinned block, which
    the host does not wait for; what lies on a CPU already stays as it is."""
    device = torch.device(device)
    if device.type == "cpu":
        return tree
    leaves, structure = pytree.tree_flatten(tree)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    sizes = [-(-tensor.nbytes // ALIGNMENT) * ALIGNMENT for tensor in tensors]
    block = torch.empty(sum(sizes), dtype=torch.uint8, pin_memory=device.type == "cuda")
    for tensor, part in zip(tensors, block.split(sizes), strict=True):
        _as(part, tensor).copy_(tensor)
    there = block.to(device, non_blocking=True).split(sizes)
    moved = iter([_as(part, tensor) for tensor, part in zip(tensors, there, strict=True)])
    return pytree.tree_unflatten([next(moved) if isinstance(leaf, Tensor) else leaf for leaf in leaves], structure)


def _as(part: Tensor, like: Tensor) -> Tensor:
    """The bytes of `part` as numbers of the type and shape of `like`."""
    return part[: like.nbytes].view(like.dtype).view(like.shape)

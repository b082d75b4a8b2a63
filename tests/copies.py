"""Counts what passes between the host and a device, as every such copy passes torch's dispatcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
READS = (aten._local_scalar_dense, aten.nonzero, aten.bincount, aten.masked_select, aten.is_nonzero, aten.equal)
"""After which the host waits to know a number or a shape."""
COPIES = (aten._to_copy, aten.copy_, aten.copy)


class CountCopies(TorchDispatchMode):
    """Counts, while it is entered, copies `to_device`, copies `to_host`, and `read` numbers of a device."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def taken(self) -> Counter[str]:
        """What was counted since the last time."""
        counts, self.counts = self.counts, Counter()
        return counts

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        inputs = {leaf.device.type for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        if func.overloadpacket in READS and inputs - {"cpu"}:
            self.counts["read"] += 1
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in COPIES:
            source = next(leaf for leaf in args[::-1] if isinstance(leaf, Tensor))
            if source.device.type != result.device.type:
                self.counts["to_host" if result.device.type == "cpu" else "to_device"] += 1
        return result

"""A training step as one CUDA graph, which the host starts with one call.

A step of a small model is some hundreds of kernels of a few microseconds, each of which takes the host longer to start
than the GPU to compute. Recorded once, they follow on each other by themselves. A graph computes with the same
tensors each time: inputs are copied into those that it was recorded with, and a learning rate has to lie on the GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")

WARM_UP_STEPS = 3
"""Steps before one is recorded: compiled code, workspaces and the optimiser's state are made in them."""


class StepGraph(Generic[Result]):
    """`step`, which takes and returns tensors, recorded when it is first called and played then and ever after.

    The inputs are of the same shapes each time; what is returned is overwritten by the next call. `step` may not wait
    for the GPU, nor depend on anything but its inputs and tensors that stay where they are.
    """

    def __init__(self, step: Callable[..., Result]) -> None:
        self.step = step
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> Result:
        if self.graph is None:
            self.inputs = [each.clone() for each in inputs]
            graph = torch.cuda.CUDAGraph()
            try:
                # Of this thread alone: another one may be allocating memory for what it draws.
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self.result = self.step(*self.inputs)
            except Exception as error:
                error.add_note("while a step was recorded as a CUDA graph; trainer.graphs=false does without")
                raise
            self.graph = graph
        else:
            for mine, given in zip(self.inputs, inputs, strict=True):
                mine.copy_(given)
        self.graph.replay()
        return self.result


class DeviceRates:
    """The learning rates of an optimiser, kept on its device too, for it to read from there."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        first = optimizer.param_groups[0]["params"][0]
        self.rates = [torch.zeros((), device=first.device) for _ in optimizer.param_groups]
        self.capturable = first.is_cuda

    def update(self) -> None:
        """Have them be what the schedule says now."""
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])

    @contextmanager
    def used(self) -> Iterator[None]:
        """In here a step of the optimiser reads them. Outside, and in checkpoints, rates are plain numbers."""
        groups = self.optimizer.param_groups
        usual = [{"lr": group["lr"], "capturable": group["capturable"]} for group in groups]
        for rate, group in zip(self.rates, groups, strict=True):
            group |= {"lr": rate, "capturable": self.capturable}
        try:
            yield
        finally:
            for group, values in zip(groups, usual, strict=True):
                group |= values

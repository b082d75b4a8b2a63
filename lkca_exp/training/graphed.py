"""Lightning's loop around steps that are CUDA graphs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lkca_exp.training.module import Classifier
from lkca_exp.training.step_graph import WARM_UP_STEPS, DeviceRates, StepGraph


class GraphedClassifier(Classifier):
    """Records a step, backward and the optimiser's part included, after a few that warm up, and plays it from then on.
    The optimiser is AdamW."""

    def configure_optimizers(self) -> Any:
        configured = super().configure_optimizers()
        self.rates = DeviceRates(configured["optimizer"])
        self.graph = StepGraph(self._whole_step)
        self.num_warm_up_steps = 0
        return configured

    @property
    def playing(self) -> bool:
        """Whether the step that comes is that of the graph, which leaves Lightning nothing to do."""
        return self.num_warm_up_steps == WARM_UP_STEPS

    def _whole_step(self, images: Tensor, targets: Tensor) -> Tensor:
        """What Lightning does in a step, in its order; forward with its autocast, the rest without."""
        optimizer = self.rates.optimizer
        optimizer.zero_grad()
        loss = super().loss(images, targets)
        with torch.autocast(loss.device.type, enabled=False), self.rates.used():
            loss.backward()
            self.configure_gradient_clipping()
            optimizer.step()
        return loss.detach()

    def loss(self, images: Tensor, targets: Tensor) -> Tensor:
        return self.graph(images, targets) if self.playing else super().loss(images, targets)

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        self.rates.update()
        if self.playing:
            optimizer_closure()
            return
        with self.rates.used():
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.num_warm_up_steps += 1

    def optimizer_zero_grad(self, *arguments: Any) -> None:
        if not self.playing:
            super().optimizer_zero_grad(*arguments)

    def backward(self, loss: Tensor, *arguments: Any, **options: Any) -> None:
        if not self.playing:
            super().backward(loss, *arguments, **options)

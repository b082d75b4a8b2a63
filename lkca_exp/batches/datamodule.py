"""What Lightning asks for: loaders of a run's data, on the device it chose, each process with its share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.batches.loader import EvalLoader, Share, TrainLoader
from lkca_exp.data.arrays import Split
from lkca_exp.data.prepare import RunData

EVAL_BATCH_SIZE = 256
EVAL_VALUES_ON_GPU = 1 << 22
"""Pixel values of a batch that is evaluated on a GPU, where that is more images: starting the work would else take
longer than doing it."""


class RunDataModule(pl.LightningDataModule):
    """Loaders for one run. `max_batches` cuts every pass short, for a fast run; `waited` has, for every pass of
    training, the seconds that it waited for batches."""

    def __init__(
        self,
        data: RunData,
        batch_size: int,
        seed: int,
        augment: Augmentation,
        normalise: Callable[[Tensor], Tensor],
        max_batches: int | None = None,
    ) -> None:
        super().__init__()
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.augment, self.normalise = augment, normalise
        self.max_batches = max_batches
        self.waited: Sequence[float] = ()

    def train_loader(self, epoch: Callable[[], int], **here: Any) -> TrainLoader:
        """The training batches, for the epoch that `epoch` returns at the start of each pass."""
        return TrainLoader(self.data.train, self.batch_size, self.seed, epoch, self.augment, self.normalise, **here)

    def train_dataloader(self) -> TrainLoader:
        loader = self.train_loader(lambda: self.trainer.current_epoch, **self._here())  # type: ignore[union-attr]
        self.waited = loader.waited
        return loader

    def val_dataloader(self) -> EvalLoader:
        assert self.data.validation is not None, "there is no validation under this protocol"
        return self._eval_loader(self.data.validation)

    def test_dataloader(self) -> EvalLoader:
        return self._eval_loader(self.data.test)

    def _eval_loader(self, split: Split) -> EvalLoader:
        here, batch_size = self._here(), EVAL_BATCH_SIZE
        if here["device"].type == "cuda":
            batch_size = max(EVAL_VALUES_ON_GPU // split.images[0].size, batch_size)
        return EvalLoader(split, batch_size, self.normalise, **here)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # it is there

    def _here(self) -> dict[str, Any]:
        trainer = self.trainer
        assert trainer is not None
        return {
            "device": trainer.strategy.root_device,
            "share": Share(trainer.global_rank, trainer.world_size),
            "max_batches": self.max_batches,
        }

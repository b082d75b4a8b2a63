"""One training step, one evaluation step, and the row that an epoch leaves behind."""

from __future__ import annotations

import math
import time
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

from lkca_exp.batches.loader import Batch
from lkca_exp.config.schema import OptimConfig
from lkca_exp.data.randomness import generator
from lkca_exp.training.moving_average import MovingAverage
from lkca_exp.training.optim import build_optimizer
from lkca_exp.training.schedule import build_schedule

FEWEST_CLASSES_FOR_TOP5 = 6


def build_metrics(num_classes: int) -> MetricCollection:
    """Top-1, top-5 where it says something, and expected calibration error in 15 bins (Guo et al. 2017, arXiv
    1706.04599); all are fractions, accumulated on the device and read once."""

    def accuracy(top_k: int) -> Metric:
        return MulticlassAccuracy(num_classes, top_k=top_k, average="micro", validate_args=False)

    metrics: dict[str, Metric | MetricCollection] = {"top1": accuracy(1)}
    if num_classes >= FEWEST_CLASSES_FOR_TOP5:
        metrics["top5"] = accuracy(5)
    metrics["calibration_error"] = MulticlassCalibrationError(num_classes, n_bins=15, validate_args=False)
    return MetricCollection(metrics, compute_groups=False)


class Classifier(pl.LightningModule):
    """Trains `model` (images (B, C, H, W) -> logits (B, classes)) as `optim` says; a compiled one is evaluated as it
    was, so that stored weights are tested alike and batches of other sizes compile nothing.

    `validation_name` prefixes the metrics of the set that is evaluated after every epoch. Nothing is read from the
    device within an epoch: `row` has the numbers of the epoch that ended, `tested` those of the test pass. With
    `gradient_norm` the row has the mean over the epoch's steps of the gradient's L2 norm, before it is clipped.
    """

    def __init__(
        self,
        model: nn.Module,
        optim: OptimConfig,
        no_decay: set[str],
        num_classes: int,
        seed: int,
        warmup_epochs: float,
        validation_name: str,
        gradient_norm: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.optim_config, self.no_decay = model, optim, no_decay
        self.seed, self.warmup_epochs = seed, warmup_epochs
        self.ema = None
        if optim.ema_decay is not None:
            self.ema = MovingAverage(model, optim.ema_decay)
        self.validation_name, self.gradient_norm = validation_name, gradient_norm
        self.metrics = build_metrics(num_classes)
        self.eval_loss = MeanMetric()
        self.losses = torch.empty(0)
        self.num_correct, self.norms = torch.zeros((), dtype=torch.long), torch.zeros(())  # the norms' sum
        self.row: dict[str, Any] = {}
        self.tested: dict[str, float] = {}
        self.predictions: list[Tensor] = []
        self.train_seconds: list[float] = []
        self.test_images_per_s = math.nan

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are evaluated and kept: the moving average, where there is one."""
        return self.model if self.ema is None else self.ema.module

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.model, self.optim_config, self.no_decay)
        self.clipped = list(self.model.parameters())
        num_steps = int(self.trainer.estimated_stepping_batches)
        num_warmup_steps = round(self.warmup_epochs * self.trainer.num_training_batches)
        schedule = build_schedule(optimizer, self.optim_config, num_steps, num_warmup_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        # Dropout draws from the global generator. Seeded anew for each epoch, a continued run needs no memory of it;
        # seeded alike in all processes, each can draw for the whole batch.
        torch.manual_seed(generator("dropout", self.seed, self.current_epoch).initial_seed())
        self.losses = torch.zeros(int(self.trainer.num_training_batches), device=self.device)
        # The same tensors in every epoch: a CUDA graph adds to those that it was recorded with.
        self.num_correct = self.num_correct.to(self.device).zero_()
        self.norms = self.norms.to(self.device).zero_()
        self.row = {}
        self.epoch_started = time.perf_counter()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss = self.loss(*batch)
        self.losses[index] = loss.detach()
        self.images_in_step = len(batch[0])
        return loss

    def loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """That of a batch, whose right answers are counted."""
        logits = self.model(images)
        labels = targets if targets.ndim == 1 else targets.argmax(1)  # of a mixed image, the larger part's
        self.num_correct += (logits.detach().argmax(1) == labels).sum()
        return F.cross_entropy(logits, targets, label_smoothing=self.optim_config.label_smoothing)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.ema is not None:
            self.ema.update(self.model, first=self.global_step == 1)

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        if self.optim_config.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.clipped, self.optim_config.clip_norm)
        elif self.gradient_norm:
            norm = nn.utils.get_total_norm(weight.grad for weight in self.clipped if weight.grad is not None)
        if self.gradient_norm:
            self.norms += norm

    def end_training_part(self) -> None:
        """Read the epoch's training numbers, once, before anything is evaluated."""
        if self.row:
            return
        losses = self.losses.cpu()
        self.train_seconds.append(time.perf_counter() - self.epoch_started)
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            step = int(bad[0])
            first = self.global_step - len(losses) + step
            raise FloatingPointError(f"the loss is {losses[step].item()} at step {first} (epoch {self.current_epoch})")
        share = self.num_correct.double() / (len(losses) * self.images_in_step)
        numbers = torch.stack([losses.double().mean(), share.cpu()]).to(self.device)  # NCCL joins tensors of GPUs only
        mean = self.trainer.strategy.reduce(numbers, reduce_op="mean").cpu()
        self.row |= {
            "epoch": self.current_epoch,
            "step": self.global_step,
            "lr": self.trainer.optimizers[0].param_groups[0]["lr"],
            "train/loss": float(mean[0]),
            "train/top1": float(mean[1]),
        }
        if self.gradient_norm:  # the same in all processes
            self.row["train/gradient_norm"] = float(self.norms) / len(losses)

    def on_validation_epoch_start(self) -> None:
        self.end_training_part()

    def validation_step(self, batch: Batch, index: int) -> None:
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        self.row |= self._read(self.validation_name)

    def on_test_start(self) -> None:
        self.predictions = []
        self.test_started = time.perf_counter()

    def test_step(self, batch: Batch, index: int) -> None:
        logits = self._evaluate(batch)
        self.predictions.append(torch.stack([batch[1], logits.argmax(1)]))

    def on_test_epoch_end(self) -> None:
        num_images = sum(part.shape[1] for part in self.predictions)
        self.tested = self._read("test")
        self.test_images_per_s = num_images * self.trainer.world_size / (time.perf_counter() - self.test_started)

    def _evaluate(self, batch: Batch) -> Tensor:
        images, labels = batch
        logits = self.evaluated.forward(images).float()  # a compiled model is so for training only
        self.metrics.update(logits, labels)
        self.eval_loss.update(F.cross_entropy(logits, labels), weight=len(labels))
        return logits

    def _read(self, name: str) -> dict[str, float]:
        values = {"loss": self.eval_loss.compute(), **self.metrics.compute()}
        self.eval_loss.reset()
        self.metrics.reset()
        return {f"{name}/{key}": float(value) for key, value in values.items()}

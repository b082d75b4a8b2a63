"""Training and testing of one run, and the files it leaves: where data, augmentation, model and training meet."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from safetensors.torch import save
from torch import nn

from lkca_exp.augment.build import build_augmentation
from lkca_exp.augment.normalise import normalise
from lkca_exp.batches.datamodule import RunDataModule
from lkca_exp.batches.loader import Share
from lkca_exp.config.derived import VitDerived
from lkca_exp.config.job import Job
from lkca_exp.config.schema import AdamwConfig, Config
from lkca_exp.data.prepare import RunData
from lkca_exp.engine import reach
from lkca_exp.models.build import (
    build_model,
    count_parameters,
    flops_per_image,
    load_weights,
    no_weight_decay,
    use_backend,
)
from lkca_exp.models.compilation import compile_model
from lkca_exp.models.layers.drop import share_masks
from lkca_exp.runs.checksums import METRICS, PREDICTIONS, WEIGHTS
from lkca_exp.runs.files import write_atomically
from lkca_exp.runs.handover import Handover
from lkca_exp.runs.record import Record
from lkca_exp.runs.rows import Row, read_rows, write_rows
from lkca_exp.runs.run import Run, selected_on
from lkca_exp.runs.state import LAST
from lkca_exp.training.callbacks import EpochEnd, ProgressBar
from lkca_exp.training.checkpoints import CheckpointFiles
from lkca_exp.training.device import peak_memory, reset_peak_memory, set_up_device, uses_gpu
from lkca_exp.training.graphed import GraphedClassifier
from lkca_exp.training.module import Classifier
from lkca_exp.training.sinks import open_sink
from lkca_exp.training.sinks.sink import NoSink, RunFacts, Sink

epoch_log = logging.getLogger("lkca_exp.epochs")
epoch_log.propagate = False  # for train.log; the console has the bar
for name in ("pytorch_lightning", "lightning_fabric", "lightning", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.WARNING)
warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")

FAST_RUN_BATCHES = 2
OF_CURVES = ("lr", "train/gradient_norm")
"""What an epoch's row has and the final metrics do not."""
SELECT = {"validation": "val/top1", "test": "test/top1", None: None}


def fit(run: Run, record: Record, data: RunData, callbacks: Sequence[pl.Callback] = ()) -> dict[str, Any]:
    """Train, test and write the results into the run's folder; returns the entries of the record that are known now.

    Every process of a distributed run comes through here; the first one writes.
    """
    config, derived, directory = run.config, run.derived, run.directory
    set_up_device(config)
    reset_peak_memory(config.trainer)
    model = build_model(config.model, derived, config.seed)
    use_backend(model, record.model["backend"])
    if record.model.get("compiled"):  # a record from before there was a choice has no such entry
        torch.compiler.reset()  # what earlier runs of this process compiled would count against torch's limit
        compile_model(model)
    facts = record.model | {
        "parameters": count_parameters(model),
        "flops_per_image": flops_per_image(model, derived),
        "flops_per_image_as_convolution": flops_per_image(model, derived, backend="convolution"),
    }
    module = build_module(run, model, data.validation_name, graphs=_records_steps(run))
    checkpoint = directory / "checkpoints" / LAST
    trainer = build_trainer(config, run.name, run.id)
    share_masks(model, Share(trainer.global_rank, trainer.world_size))
    first = trainer.is_global_zero
    rows, _ = read_rows(directory / METRICS)
    with _sink(run, rows, enabled=first) as sink:
        on_row = functools.partial(_record_rows, directory, rows, sink)
        epoch_end = EpochEnd(rows, on_row, checkpoint, SELECT[selected_on(config)])
        trainer.callbacks[:0] = [epoch_end, *callbacks]  # type: ignore[attr-defined]
        datamodule = build_datamodule(run, data)
        with _step_named(trainer):
            trainer.fit(module, datamodule, ckpt_path=checkpoint if checkpoint.exists() else None, weights_only=True)
            epoch_end.load_best(module)
            trainer.test(module, datamodule, verbose=False)
        labels, predictions = gather_predictions(module, trainer)
        chosen = {key: value for key, value in epoch_end.best_row.items() if key not in OF_CURVES}
        outcome = {
            "metrics": chosen | module.tested,
            "model": facts,
            "speed": _speed(module, trainer, datamodule.waited),
            "memory": peak_memory(config.trainer),
        }
        if first:
            _write_results(config, directory, module, labels, predictions)
            images = reach.first_test_images(data, reach.NUM_IMAGES)
            reach.write_reach_if_cheap(module.evaluated, images, directory / "analysis")
            sink.log(rows)  # all of them, if only the test was left to do
            sink.finish(outcome["metrics"] | facts | outcome["speed"], succeeded=True)
    return outcome


def test(job: Job, weights: Path, data: RunData, backend: str | None) -> tuple[dict[str, float], int]:
    """Test the weights that a run stored on `data.test`, in this process, with the `backend` of a large kernel; returns
    the metrics and how many images.

    Raises:
        ConfigError: if the file is damaged, or of another model than is built here.
    """
    set_up_device(job.config)
    model = build_model(job.config.model, job.derived)
    use_backend(model, backend)
    module = build_module(job, model, data.validation_name)
    load_weights(module.evaluated, weights)
    trainer = build_trainer(job.config)
    trainer.test(module, build_datamodule(job, data), verbose=False)
    metrics = {key.removeprefix("test/"): value for key, value in module.tested.items()}
    return metrics, sum(part.shape[1] for part in module.predictions)


def build_module(job: Job, model: nn.Module, validation_name: str, graphs: bool = False) -> Classifier:
    """The training of `model` as configured, with steps that are CUDA `graphs` or not."""
    kind = GraphedClassifier if graphs else Classifier
    return kind(
        model,
        job.config.optim,
        no_decay=no_weight_decay(model),
        num_classes=job.derived.num_classes,
        seed=job.config.seed,
        warmup_epochs=job.derived.warmup_epochs,
        validation_name=validation_name,
        gradient_norm=job.config.logger.gradient_norm,
    )


def _records_steps(job: Job) -> bool:
    """Whether steps are CUDA graphs: on one GPU, of our own models, with the optimiser that can be recorded."""
    trainer = job.config.trainer
    alone = uses_gpu(trainer) and trainer.devices == 1 and trainer.strategy == "auto"
    known = isinstance(job.derived, VitDerived) and isinstance(job.config.optim, AdamwConfig)
    return trainer.graphs and alone and known


def build_trainer(config: Config, title: str = "", run_id: str = "") -> pl.Trainer:
    """Lightning's trainer with nothing on a step's path that we do not use; its checkpoints are of the run `run_id`."""
    return pl.Trainer(
        accelerator="gpu" if uses_gpu(config.trainer) else "cpu",
        devices=config.trainer.devices,
        strategy=config.trainer.strategy,
        precision="bf16-mixed" if config.precision == "bf16" else "32-true",
        max_epochs=1 if config.trainer.fast_run else config.epochs,
        callbacks=[ProgressBar(title)] if config.trainer.progress_bar else [],
        plugins=[CheckpointFiles(run_id)],
        limit_val_batches=None if selected_on(config) else 0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def build_datamodule(job: Job, data: RunData) -> RunDataModule:
    """The loaders of a run, with its augmentation and the data set's normalisation."""
    config = job.config
    return RunDataModule(
        data,
        config.batch_size,
        config.seed,
        augment=build_augmentation(config.augment, job.derived, data.mean),
        normalise=functools.partial(normalise, mean=data.mean, std=data.std),
        max_batches=FAST_RUN_BATCHES if config.trainer.fast_run else None,
    )


def gather_predictions(module: Classifier, trainer: pl.Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Labels and top-1 predictions of all test images in their order, from the shares of all processes."""
    mine = torch.cat(module.predictions, dim=1).cpu()
    shares = [mine]
    if trainer.world_size > 1:
        shares = [torch.empty(0)] * trainer.world_size
        torch.distributed.all_gather_object(shares, mine)
    everything = torch.empty(2, sum(share.shape[1] for share in shares), dtype=torch.long)
    for rank, share in enumerate(shares):
        everything[:, rank :: len(shares)] = share
    labels, predictions = everything.numpy()
    return labels, predictions


@contextmanager
def _step_named(trainer: pl.Trainer) -> Iterator[None]:
    """Have what is raised in here say where training was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in epoch {trainer.current_epoch}, after {trainer.global_step} steps")
        raise


@contextmanager
def _sink(run: Run, rows: list[Row], enabled: bool) -> Iterator[Sink]:
    """The sink of the first process, which learns if the run fails; `rows` are those recorded by then."""
    sink: Sink = NoSink()
    if enabled:
        varied_keys = Handover.received().varied_keys
        facts = RunFacts(
            id=run.id,
            group=run.group,
            study=run.config.study,
            name=run.name,
            directory=run.directory,
            tags=[run.config.data.name, run.label, *varied_keys]
            + (["selected on test"] if selected_on(run.config) == "test" else []),
            config=asdict(run.config) | {"derived": asdict(run.derived), "identity": run.id},
            varied_keys=varied_keys,
        )
        sink = open_sink(run.config.logger, facts)
    try:
        yield sink
    except BaseException:
        sink.log(rows)
        sink.finish({}, succeeded=False)
        raise


def _record_rows(directory: Path, rows: list[Row], sink: Sink) -> None:
    """Write the rows, of which the last one is new."""
    write_rows(directory / METRICS, rows)
    epoch_log.info("  ".join(f"{key} {value:.4g}" for key, value in rows[-1].items() if key != "step"))
    sink.log(rows)


def _speed(module: Classifier, trainer: pl.Trainer, waited: Sequence[float]) -> dict[str, float]:
    """Images per second over all processes; training by the median epoch, the first left out where there are more;
    and the share of the training time that this process waited for batches."""
    seconds = module.train_seconds[1:] or module.train_seconds
    speed = {"test_images_per_s": round(module.test_images_per_s, 1)}
    if seconds:  # none if a continued run had only its test to do
        images = int(trainer.num_training_batches) * module.images_in_step * trainer.world_size
        speed["train_images_per_s"] = round(images / float(np.median(seconds)), 1)
        speed["data_wait_share"] = round(sum(waited) / sum(module.train_seconds), 4)
    return speed


def _write_results(
    config: Config, directory: Path, module: Classifier, labels: np.ndarray, predictions: np.ndarray
) -> None:
    small = np.uint8 if labels.max() < 256 else np.uint16

    def write_predictions(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez_compressed(stream, labels=labels.astype(small), predictions=predictions.astype(small))

    write_atomically(directory / PREDICTIONS, write_predictions)
    if config.keep != "none":
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.evaluated.state_dict().items()}
        write_atomically(directory / WEIGHTS, lambda file: file.write_bytes(save(weights)))

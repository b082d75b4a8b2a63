"""A trained run, to predict with or to take elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from lkca_exp.augment.normalise import normalise
from lkca_exp.config.derived import Derived
from lkca_exp.config.folder import facts_of_images
from lkca_exp.config.job import checked
from lkca_exp.config.schema import Config
from lkca_exp.config.specs import SPECS
from lkca_exp.data.pixels import pixels_of
from lkca_exp.engine.evaluate import normalised_by, stored
from lkca_exp.models.build import build_model, load_weights, use_backend
from lkca_exp.runs.record import Record
from lkca_exp.runs.state import run_state


@dataclass(frozen=True)
class Transform:
    """An image as the model takes it: float32 (channels, size, size), less `mean` and over `std`, which are per
    channel, of pixels from 0 to 1. It takes an image of Pillow, which is cut and resized as `pixels_of` says, or a
    uint8 tensor (..., channels, size, size).

    Raises:
        ValueError: for a tensor of another shape or type.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        if isinstance(image, Image.Image):
            image = torch.from_numpy(pixels_of(image, self.size, self.channels).copy())
        expected = (self.channels, self.size, self.size)
        if image.shape[-3:] != expected or image.dtype != torch.uint8:
            raise ValueError(f"{image.dtype} of shape {tuple(image.shape)}: give torch.uint8 of (..., *{expected}).")
        return normalise(image.reshape(-1, *expected), self.mean, self.std).view(image.shape)


@dataclass(frozen=True)
class TrainedRun:
    """A run's model with the weights that were tested, in evaluation mode on the CPU, and what belongs to it.

    `class_names` is empty where the data set does not name its classes.
    """

    model: nn.Module
    config: Config
    derived: Derived
    transform: Transform
    class_names: tuple[str, ...]
    record: Record

    @property
    def example(self) -> Tensor:
        """A batch of one black image (1, C, H, W), as torch.export and ONNX want one."""
        size = self.derived.image_size
        return self.transform(torch.zeros(1, self.derived.channels, size, size, dtype=torch.uint8))

    @torch.inference_mode()
    def predict(self, *images: Image.Image | Tensor) -> Tensor:
        """Probabilities (N, classes) of images, each as `transform` takes it."""
        return self.model(torch.stack([self.transform(image) for image in images])).softmax(dim=-1)

    def export_onnx(self, file: Path | str) -> None:
        """Write the model as ONNX: "images" (batch, C, H, W), as `transform` gives them, to "logits" (batch, classes).
        It needs the package onnxscript."""
        batch = torch.export.Dim("batch", min=1, max=4096)
        torch.onnx.export(
            self.model,
            (self.example.expand(2, -1, -1, -1).clone(),),
            str(file),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: batch},),
            dynamo=True,
            verbose=False,
        )


def load_run(folder: Path | str) -> TrainedRun:
    """The trained run in a folder. Its data set need not be here.

    Raises:
        ConfigError: if there is no run, or none with weights, or they are damaged or of another model.
    """
    run = run_state(Path(folder))
    cfg, weights = stored(run)
    record = run.record
    assert record is not None
    data = cfg.data
    facts = SPECS.get(data.name) or facts_of_images(data.image_size, data.channels, record.class_names)
    job = checked(cfg, facts)
    model = build_model(job.config.model, job.derived)
    load_weights(model, weights)
    backend = record.model.get("backend")
    if backend != "direct":  # which is the CPU's: its rule names it again, and the model may be taken to a GPU
        use_backend(model, backend)
    return TrainedRun(
        model.eval(),
        job.config,
        job.derived,
        Transform(facts.image_size, facts.channels, *normalised_by(record)),
        record.class_names,
        record,
    )

"""A trained run, to predict with or to take elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from lkca_exp.augment.normalise import normalise
from lkca_exp.config.derived import Derived
from lkca_exp.config.job import checked
from lkca_exp.config.schema import Config
from lkca_exp.config.specs import SPECS
from lkca_exp.engine.evaluate import stored
from lkca_exp.models.build import build_model, load_weights, use_backend
from lkca_exp.runs.record import Record
from lkca_exp.runs.state import look


class Transform(nn.Module):
    """An image as the model takes it: its shorter side resized to `size` pixels, the centre cut out, as `channels` of
    float32, less `mean` and over `std` (per channel, of pixels from 0 to 1).

    It takes an image of Pillow, or a uint8 tensor (..., C, H, W), and returns (..., C, size, size).
    """

    def __init__(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        colours = v2.RGB() if channels == 3 else v2.Grayscale(channels)
        self.fit = v2.Compose([v2.ToImage(), colours, v2.Resize(size, antialias=True), v2.CenterCrop(size)])

    def forward(self, image: object) -> Tensor:
        pixels = self.fit(image).as_subclass(Tensor)
        return normalise(pixels.unsqueeze(0) if pixels.ndim == 3 else pixels, self.mean, self.std).view(pixels.shape)


@dataclass(frozen=True)
class TrainedRun:
    """A run's model with the weights that were tested, in evaluation mode on the CPU, and what belongs to it.

    `class_names` is empty where the data set does not name its classes. `record` is None only in a run without one.
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
    def predict(self, *images: object) -> Tensor:
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
    run = look(Path(folder))
    cfg, weights = stored(run)
    job, record = checked(cfg), run.record
    assert record is not None
    model = build_model(job.config.model, job.derived)
    load_weights(model, weights)
    use_backend(model, record.model.get("backend"))
    spec = SPECS[job.config.data.name]
    return TrainedRun(
        model.eval(),
        job.config,
        job.derived,
        Transform(spec.image_size, spec.channels, spec.mean, spec.std),
        record.class_names or spec.class_names,
        record,
    )

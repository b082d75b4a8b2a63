"""Pictures and curves of a trained run, beside its record, where the report finds them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lkca_exp.analysis import kernels, locality, receptive_field
from lkca_exp.augment.normalise import normalise
from lkca_exp.config.derive import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job, checked
from lkca_exp.data.prepare import prepare
from lkca_exp.data.specs import SPECS
from lkca_exp.evaluate import stored
from lkca_exp.models.build import build_model
from lkca_exp.models.vit import VisionTransformer
from lkca_exp.runs.files import write_atomically, write_json
from lkca_exp.runs.state import RunState

PIXELS_A_TILE = 96
NUM_KERNELS_SHOWN = 12


def analyse(run: RunState, num_images: int) -> list[Path]:
    """Write what the run's model has to show into `analysis/` in its folder, and return the files.

    kernels.png and kernels.json: the learned kernels, if it has any, and their numbers, a layer each.
    locality.json: the share of the mixers' mass by distance, over `num_images` test images.
    receptive_field.png and .json: what its central tokens depend on, block by block, over the same images.

    Raises:
        ConfigError: if the run has no weights, or a model without tokens.
    """
    cfg, weights = stored(run)
    job = checked(cfg, SPECS)
    model = build_model(job.config.model, job.derived)
    if not isinstance(model, VisionTransformer) or not isinstance(job.derived, VitDerived):
        raise ConfigError("run", run.name, f"Its model, {job.config.model.name}, has no grid of tokens to look at.")
    model.load_state_dict(load_file(weights))
    images = first_test_images(job, num_images)
    folder = run.folder / "analysis"
    folder.mkdir(exist_ok=True)
    written = _kernels(model, folder) + _locality(model, images, folder)
    return written + _receptive_field(model, images, job.derived.grid, folder)


def first_test_images(job: Job, count: int) -> Tensor:
    """Normalised images (count, channels, H, W)."""
    spec = SPECS[job.config.data.name]
    pixels = torch.from_numpy(prepare(job.config).test.images[:count].copy())
    return normalise(pixels, spec.mean, spec.std)


def _kernels(model: VisionTransformer, folder: Path) -> list[Path]:
    learned = kernels.learned_kernels(model)
    if not learned:
        return []
    zoom = max(PIXELS_A_TILE // learned[0].shape[-1], 1)
    picture, numbers = folder / "kernels.png", folder / "kernels.json"
    write_atomically(picture, partial(kernels.picture(learned, NUM_KERNELS_SHOWN, zoom).save, format="PNG"))
    write_json(numbers, {"layers": [layer.tolist() for layer in learned]})
    return [picture, numbers]


def _locality(model: VisionTransformer, images: Tensor, folder: Path) -> list[Path]:
    shares = locality.layers(model, images)
    if not shares:
        return []
    file = folder / "locality.json"
    write_json(file, locality.curves(shares))
    return [file]


def _receptive_field(model: VisionTransformer, images: Tensor, grid: tuple[int, int], folder: Path) -> list[Path]:
    fields = receptive_field.receptive_fields(model, images, grid)
    picture, numbers = folder / "receptive_field.png", folder / "receptive_field.json"
    zoom = max(2 * PIXELS_A_TILE // fields.shape[-1], 1)
    write_atomically(picture, partial(receptive_field.picture(fields, zoom).save, format="PNG"))
    areas = [round(receptive_field.area(field), 4) for field in fields]
    write_json(
        numbers,
        {
            "title": "Effective receptive field",
            "x_label": "block",
            "y_label": "share of the pixels that hold 90 % of the gradient",
            "x": list(range(1, len(areas) + 1)),
            "series": {"centre": areas},
        },
    )
    return [picture, numbers]

"""Pictures and curves of a trained run, beside its record, where the report finds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lkca_exp.analysis import efficiency, kernels, receptive_field
from lkca_exp.config.derived import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import checked
from lkca_exp.data.content import check_content
from lkca_exp.data.prepare import prepare
from lkca_exp.engine import reach
from lkca_exp.engine.evaluate import stored
from lkca_exp.models.build import build_model, load_weights
from lkca_exp.models.vit import VisionTransformer
from lkca_exp.runs.checksums import sha256
from lkca_exp.runs.files import write_atomically, write_json
from lkca_exp.runs.state import RunState
from lkca_exp.runs.store import ANALYSIS
from lkca_exp.training.device import take_up_threads

PIXELS_A_TILE = 96
NUM_KERNELS_SHOWN = 8
FIELD, EFFICIENCY = "receptive_field.json", "efficiency.json"


def analyse(run: RunState, num_images: int, again: bool) -> list[Path]:
    """Write what the run's model has to show into `analysis/` in its folder, and return the files.

    kernels.png: the learned kernels, if it has any.
    locality.json: the share of the mixers' mass by distance, over `num_images` test images.
    receptive_field.png, .json, .npz: what its central tokens depend on, block by block, over the same images.

    Nothing is done, unless `again`, where the same was asked of the same weights before.

    Raises:
        ConfigError: if the run has no weights or damaged ones, a model without tokens, or other data than it was
            trained on.
    """
    cfg, weights = stored(run)
    folder = run.folder / ANALYSIS
    of = {"weights": sha256(weights), "images": num_images}
    if not again and of.items() <= _read(folder / FIELD).items():
        return []
    job = checked(cfg)
    assert run.record is not None
    check_content(run.record, job.config.data)
    model = build_model(job.config.model, job.derived)
    if not isinstance(model, VisionTransformer) or not isinstance(job.derived, VitDerived):
        raise ConfigError("run", run.name, f"Its model, {job.config.model.name}, has no grid of tokens.")
    load_weights(model, weights)
    images = reach.first_test_images(prepare(job.config), num_images)
    folder.mkdir(exist_ok=True)
    written = _kernels(model, folder) + reach.write_reach(model, images, folder)
    return written + _receptive_field(model, images, job.derived.grid, folder, of)


def measure(run: RunState, batch_sizes: Sequence[int], rounds: int, again: bool) -> list[Path]:
    """Write efficiency.json into `analysis/` in the run's folder: images/s at these batch sizes, with the threads that
    the run had. Nothing is done, unless `again`, where they are there.

    Raises:
        ConfigError: if the run has no weights, as for the rest of its analysis.
    """
    file = run.folder / ANALYSIS / EFFICIENCY
    if not again and _read(file).get("x") == list(batch_sizes):
        return []
    cfg, _ = stored(run)
    assert run.record is not None
    take_up_threads(run.record.device)
    (cost,) = efficiency.measure([checked(cfg)], batch_sizes, rounds)
    file.parent.mkdir(exist_ok=True)
    write_json(file, efficiency.curves(cost))
    return [file]


def _read(file: Path) -> dict[str, Any]:
    """What a file of ours holds; nothing if there is none."""
    return json.loads(file.read_text()) if file.exists() else {}


def _kernels(model: VisionTransformer, folder: Path) -> list[Path]:
    learned = kernels.learned_kernels(model)
    if not learned:
        return []
    zoom = max(PIXELS_A_TILE // learned[0].shape[-1], 1)
    file = folder / "kernels.png"
    picture = kernels.picture(learned, NUM_KERNELS_SHOWN, zoom)
    write_atomically(file, partial(picture.save, format="PNG", optimize=True))
    return [file]


def _receptive_field(
    model: VisionTransformer, images: Tensor, grid: tuple[int, int], folder: Path, of: dict[str, Any]
) -> list[Path]:
    """`of` goes last into the numbers: with them the analysis is whole."""
    fields = receptive_field.receptive_fields(model, images, grid)
    files = [folder / name for name in ("receptive_field.png", "receptive_field.npz", FIELD)]
    zoom = max(2 * PIXELS_A_TILE // fields.shape[-1], 1)
    write_atomically(files[0], partial(receptive_field.picture(fields, zoom).save, format="PNG", optimize=True))
    write_atomically(files[1], partial(_save, fields=fields.numpy().astype(np.float16)))
    write_json(files[2], receptive_field.curves(fields, grid) | of)
    return files


def _save(file: Path, fields: np.ndarray) -> None:
    with file.open("wb") as stream:
        np.savez_compressed(stream, fields=fields)

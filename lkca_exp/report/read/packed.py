"""Test images from where `lkca_exp.data` packed them: `<data.root>/packed/<name>*/`, arrays to map into memory.

The report reads the files alone, as it imports neither torch nor the rooms that make data; a test writes a pack with
`lkca_exp.data.pack` and reads it here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from lkca_exp.report.read.load import Run

FORMAT = 1
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def read_test_images(run: Run, labels: np.ndarray) -> np.ndarray | None:
    """The (N, C, H, W) uint8 test images of a run, mapped; None unless a pack on this machine has its data set, by the
    content that the record names, with these (N,) labels."""
    root, name = run.config.get("data.root"), run.config.get("data.name")
    if not isinstance(root, str) or not isinstance(name, str) or Path(name).name != name or "\0" in root + name:
        return None
    wanted = run.derived.get("data_content")
    packed = Path(root) / "packed"
    folders = [packed / name] if wanted is None else sorted(packed.glob(f"{name}-unverified-*"))
    return next((found for folder in folders if (found := _images(folder, wanted, labels)) is not None), None)


def _images(folder: Path, wanted: Any, labels: np.ndarray) -> np.ndarray | None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or wanted not in (None, _content(manifest)):
            return None
        own, images = (
            np.load(folder / f"{array}.npy", mmap_mode="r", allow_pickle=False)
            for array in ("test_labels", "test_images")
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError, EOFError):  # none, or a damaged one
        return None
    usable = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] in (1, 3) and min(images.shape) > 0
    return images if usable and len(images) == len(labels) and np.array_equal(own, labels) else None


def _content(manifest: dict[str, Any]) -> str:
    """The content of the pack's arrays, as records name it."""
    sums = (manifest["files"][f"{array}.npy"]["sha256"] for array in ARRAYS)
    return hashlib.sha256("".join(sums).encode()).hexdigest()

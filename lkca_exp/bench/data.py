"""Our input pipeline against torchvision's transforms with PyTorch's DataLoader, both to normalised float batches.

The other side takes PIL images through torchvision's transforms, in the first version (what the protocol of Lee et al.
is written with) and the second, with each number of worker processes, started before the clock; the best counts. On a
GPU its batches are pinned and copied there. All take turns, and ours with both kinds of pixels for AutoAugment
(augment.policy_pixels) in the same turns. Images are synthetic, smoothed noise in uint8: their content hardly changes
the work.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as v1
from torchvision.transforms import v2

from lkca_exp.augment.build import build_augmentation
from lkca_exp.augment.normalise import normalise
from lkca_exp.batches.loader import TrainLoader
from lkca_exp.bench.machine import name_of, table_of
from lkca_exp.config.job import compose
from lkca_exp.data.arrays import Split

BATCH_SIZE = 128
NUM_IMAGES = 40 * BATCH_SIZE
NUM_CLASSES = 10
WORKERS = (0, 1, 2)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
SECONDS = 1.0
"""At least so long is a pipeline measured: a pass of a few hundredths of a second says more of what ran before it."""
OURS: dict[str, dict[str, list[str]]] = {
    "light": {"light": []},
    "lee2021": {"lee2021": [], "lee2021 pil": ["augment.policy_pixels=pil"]},
}
"""The lines of a recipe, each with what is overridden for it."""
CASES = [(recipe, side) for recipe in ("light", "lee2021") for side in (32, 64)]

Passes = Callable[[], Iterator[Any]]


class PilImages(Dataset):
    """What torchvision's data sets hold: arrays that become PIL images one by one."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor]) -> None:
        self.images, self.labels = split.images.transpose(0, 2, 3, 1).copy(), split.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def run(rounds: int, device: str) -> dict[str, Any]:
    """Measure all cases, print the table, return the figures."""
    cases: dict[str, dict[str, Any]] = {}
    for recipe, side in CASES:
        lines = measure(recipe, side, rounds, device)
        cases |= {f"{line}, {side}x{side}": figures for line, figures in lines.items()}
    title = f"Training batches, images/s, {name_of(device)}, synthetic images, median of {rounds} rounds"
    Console().print(table_of(title, (_row(*case) for case in cases.items())))
    return {"threads": torch.get_num_threads(), "batch_size": BATCH_SIZE, "rounds": rounds, "cases": cases}


def measure(recipe: str, side: int, rounds: int, device: str) -> dict[str, dict[str, Any]]:
    """For each line of `recipe`, images per second of ours and of every other pipeline, medians over `rounds`, and the
    ratio of ours to the best of the others."""
    split = synthetic(side)
    pipelines = {line: ours(recipe, split, overrides, device=device) for line, overrides in OURS[recipe].items()}
    for version in ("v1", "v2"):
        for workers in WORKERS:
            pipelines[f"torchvision {version}, {workers} workers"] = theirs(recipe, split, version, workers, device)
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    for number in range(rounds + 1):
        for name, passes in pipelines.items():
            rate = images_per_s(passes, device)
            if number:  # the first round warms up and starts the workers
                rates[name].append(rate)
    figures = {name: round(statistics.median(each), 1) for name, each in rates.items()}
    others = {name: rate for name, rate in figures.items() if name not in OURS[recipe]}
    best = max(others, key=lambda name: others[name])
    return {
        line: {
            "images_per_s": {"ours": figures[line], **others},
            "best_other": best,
            "ratio": round(figures[line] / figures[best], 2),
        }
        for line in OURS[recipe]
    }


def images_per_s(passes: Passes, device: str) -> float:
    """The rate of whole passes, from asking for the first batch to holding the last: as many as take a second."""
    start, count = time.perf_counter(), 0
    while (seconds := time.perf_counter() - start) < SECONDS:
        for images, _ in passes():
            count += len(images.to(device, non_blocking=True))
        if device == "cuda":
            torch.cuda.synchronize()
    return count / seconds


def synthetic(side: int, images: int = NUM_IMAGES) -> Split:
    """Smoothed noise in three channels over the whole range of grey levels, and random labels."""
    draws = torch.Generator().manual_seed(0)
    noise = F.avg_pool2d(torch.randn(images, 3, side, side, generator=draws), 5, 1, 2)
    low, high = noise.amin((1, 2, 3), keepdim=True), noise.amax((1, 2, 3), keepdim=True)
    pixels = ((noise - low) / (high - low) * 255).to(torch.uint8).numpy()
    return Split(pixels, np.random.default_rng(0).integers(0, NUM_CLASSES, images))


def ours(recipe: str, split: Split, overrides: list[str], **here: Any) -> Passes:
    """The loader that trains, one image one time in a pass; `here` says where it is."""
    fixed = ["augment.crop_padding_px=4", "augment.mirror=true", "augment.passes_per_epoch=1"]
    job = compose([f"augment={recipe}", *fixed, *overrides])
    augment = build_augmentation(job.config.augment, job.derived, MEAN)
    scale = functools.partial(normalise, mean=MEAN, std=STD)
    loader = TrainLoader(split, BATCH_SIZE, 0, lambda: 0, augment, scale, **here)
    return lambda: iter(loader)


def theirs(recipe: str, split: Split, version: str, workers: int, device: str) -> Passes:
    """The same recipe from torchvision and PyTorch; batches are mixed where they arrive, as the protocol does."""
    data = PilImages(split, torchvision_transform(recipe, split.images.shape[-1], version))
    loader: DataLoader = DataLoader(
        data,
        BATCH_SIZE,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device == "cuda",
    )
    return (lambda: iter(loader)) if recipe == "light" else (lambda: mixed(loader))


def torchvision_transform(recipe: str, side: int, version: str) -> Callable[[Image.Image], Tensor]:
    """From a PIL image to a normalised tensor."""
    t: Any = v1 if version == "v1" else v2
    steps = [t.RandomHorizontalFlip(), t.RandomCrop(side, padding=4)]
    if recipe == "lee2021":
        steps.append(t.AutoAugment(t.AutoAugmentPolicy.CIFAR10, fill=128))
    steps += [t.ToTensor()] if version == "v1" else [t.ToImage(), t.ToDtype(torch.float32, scale=True)]
    steps.append(t.Normalize(MEAN, STD))
    if recipe == "lee2021":
        steps.append(t.RandomErasing(0.25, (0.02, 0.4), (0.3, 1 / 0.3)))
    return t.Compose(steps)


def mixed(loader: DataLoader) -> Iterator[Any]:
    """CutMix or MixUp on half of the batches."""
    mix = v2.RandomChoice([v2.CutMix(num_classes=NUM_CLASSES), v2.MixUp(num_classes=NUM_CLASSES)])
    for images, labels in loader:
        yield mix(images, labels) if torch.rand(()) < 0.5 else (images, labels)


def _row(name: str, case: dict[str, Any]) -> dict[str, str]:
    rates, best = case["images_per_s"], case["best_other"]
    return {
        "": name,
        "ours": f"{rates['ours']:,.0f}",
        "torchvision + DataLoader": f"{rates[best]:,.0f}",
        "which": best,
        "ratio": f"{case['ratio']:.1f}x",
    }

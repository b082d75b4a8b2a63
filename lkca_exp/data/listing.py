"""Which data sets are on this machine, and in which state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from lkca_exp.config.specs import FOLDER
from lkca_exp.data.pack import is_sound, read_manifest
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.sources.base import Source
from lkca_exp.data.sources.folder import packs_of_folder

WIDTH_WITH_COUNTS = 70


class Listed(NamedTuple):
    """State of a data set: packed; ready (its files are here, and verified when they are read); missing; damaged."""

    name: str
    state: str
    where: str = ""
    num_train: int = 0
    num_test: int = 0
    num_bytes: int = 0


def table(root: Path, *, check: bool = False) -> None:
    """Print what there is below `root`; `check` computes the checksums of all packs."""
    console = Console()
    counted = console.width >= WIDTH_WITH_COUNTS
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("data set", "state"):
        shown.add_column(title, no_wrap=True)
    for title in ("train", "test", "MB") if counted else ():
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("where", overflow="fold")
    listed = [each for source in SOURCES.values() for each in list_packs(source, root, check)]
    listed += [_packed(FOLDER, pack, check) for pack in packs_of_folder(root)]
    for each in listed:
        counts = (each.num_train, each.num_test, round(each.num_bytes / 1e6)) if counted else ()
        shown.add_row(each.name, each.state, *(f"{count:,}" if count else "" for count in counts), each.where)
    console.print(shown)
    if any(each.state == "missing" for each in listed):
        console.print("What is missing: python -m lkca_exp.data fetch NAME", soft_wrap=True)


def list_packs(source: Source, root: Path, check: bool) -> Iterator[Listed]:
    """The data set as published, then every other that was packed in its name."""
    spec, published, place = source.spec, source.pack(root), source.find(root)
    counts = spec.num_train, spec.num_test
    if published.exists():
        yield _packed(spec.name, published, check)
    elif spec.part_of:
        yield Listed(spec.name, "ready", f"part of {spec.part_of}", *counts)
    elif place is not None:
        num_bytes = sum(file.stat().st_size for file in source.files(place) if file.is_file())
        yield Listed(spec.name, "ready", str(place), *counts, num_bytes)
    else:
        yield Listed(spec.name, "missing", "", *counts)
    for other in sorted(published.parent.glob(f"{spec.name}-unverified-*")):
        yield _packed(f"{spec.name} (unverified)", other, check)


def _packed(name: str, folder: Path, check: bool) -> Listed:
    manifest = read_manifest(folder)
    if manifest is None or not is_sound(folder, thoroughly=check):
        return Listed(name, "damaged", f"{folder}; packed again when it is next used")
    files = manifest["files"]
    num_train, num_test = (files[f"{part}_labels.npy"]["shape"][0] for part in ("train", "test"))
    num_bytes = sum(file["bytes"] for file in files.values())
    return Listed(name, "packed", str(folder), num_train, num_test, num_bytes)

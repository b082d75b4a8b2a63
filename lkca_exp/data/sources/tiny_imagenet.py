"""Tiny-ImageNet (Stanford CS231n), 200 classes of ImageNet (Deng et al. 2009) at 64 x 64 pixels.

The archive holds train/<wnid>/images/<wnid>_<number>.JPEG, and val/images with val_annotations.txt to label them. The
labelled validation set serves as test, as everywhere in the literature; the archive's own test set has no labels and is
not read. The unpacked folder does as well, also with the validation images sorted into val/<wnid>, as many recipes have
it: all give the same arrays in the same order. Classes are numbered by their wnid, as torchvision's ImageFolder does.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.download import RemoteFile, md5_of
from lkca_exp.data.sources.archives import Members
from lkca_exp.data.sources.base import FilesError, Source, compare_md5

FOLDER = "tiny-imagenet-200"
ARCHIVE = RemoteFile(
    "tiny-imagenet-200.zip",
    "90528d7ca1a48142e341f4ef8d21d0de",
    (
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        "https://zenodo.org/records/10720917/files/tiny-imagenet-200.zip?download=1",
    ),
)
TRAIN = re.compile(r"(?:.*/)?train/(n\d{8})/(?:images/)?[^/]+\.JPEG")
SORTED_VAL = re.compile(r"(?:.*/)?val/(n\d{8})/(?:images/)?[^/]+\.JPEG")
FLAT_VAL = re.compile(r"(?:.*/)?val/images/([^/]+\.JPEG)")
VAL_IMAGES_PER_CLASS = 50
SIDE_PX = 64


class TinyImageNet(Source):
    """One archive, or what was unpacked from it."""

    def remote_files(self) -> tuple[RemoteFile, ...]:
        return (ARCHIVE,)

    def places(self, root: Path) -> list[Path]:
        return [folder / name for folder in (root / "tiny_imagenet", root) for name in (ARCHIVE.name, FOLDER)]

    def files(self, place: Path) -> list[Path]:
        """Of an unpacked archive its folders, whose times change when files are added or removed."""
        if not place.is_dir():
            return [place]
        return [place / "train", place / "val", *sorted(place.glob("train/*")), *sorted(place.glob("train/*/images"))]

    def read(self, place: Path, verify: bool) -> Arrays:
        if place.is_dir():
            checked, warnings = "unpacked", [f"{place} is an unpacked archive, which has no checksum to be compared."]
        else:
            md5 = md5_of(place)
            checked, warnings = f"MD5 {md5}", compare_md5(place, md5, ARCHIVE.md5, verify)
        return _read(Members(place), f"{place} ({checked})", verify, warnings)


def _read(members: Members, origin: str, verify: bool, warnings: list[str]) -> Arrays:
    train = {name: match[1] for name in members.names if (match := TRAIN.fullmatch(name))}
    val = _val_wnids(members, origin)
    wnids = sorted(set(train.values()))
    strange = set(val.values()) - set(wnids)
    if not train or not val or strange:
        raise FilesError(
            f"{origin} holds {len(train)} training and {len(val)} labelled validation images, {len(strange)} classes "
            "of which have no training images.",
            "Expected are train/<wnid>/images/*.JPEG and val/images/*.JPEG with val/val_annotations.txt.",
        )
    per_class = np.bincount([wnids.index(wnid) for wnid in val.values()], minlength=len(wnids))
    if verify and set(per_class) != {VAL_IMAGES_PER_CLASS}:
        raise FilesError(
            f"{origin} holds {per_class.min()} to {per_class.max()} validation images a class, expected "
            f"{VAL_IMAGES_PER_CLASS}.",
            "Unpack it again, or accept it with data.verify=false.",
        )
    train_split, test_split = (_decode(members, of, wnids, origin) for of in (train, val))
    return Arrays(train_split, test_split, _class_names(members, wnids), origin, tuple(warnings))


def _val_wnids(members: Members, origin: str) -> dict[str, str]:
    """The wnid of every validation image, by its folder or else by the annotations."""
    by_folder = {name: match[1] for name in members.names if (match := SORTED_VAL.fullmatch(name))}
    flat = {name: match[1] for name in members.names if (match := FLAT_VAL.fullmatch(name))}
    if by_folder or not flat:
        return by_folder
    lines = _text(members, "val/val_annotations.txt").splitlines()
    annotated = dict(line.split("\t")[:2] for line in lines if line.count("\t"))
    unlabelled = [image for image in flat.values() if image not in annotated]
    if unlabelled:
        raise FilesError(f"{origin}: val_annotations.txt says nothing of {len(unlabelled)} images ({unlabelled[0]}).")
    return {name: annotated[image] for name, image in flat.items()}


def _class_names(members: Members, wnids: Iterable[str]) -> tuple[str, ...]:
    """The first word of each class in words.txt, or its wnid."""
    lines = _text(members, "words.txt").splitlines()
    words = dict(line.split("\t")[:2] for line in lines if line.count("\t"))
    return tuple(words.get(wnid, wnid).split(",")[0] for wnid in wnids)


def _text(members: Members, ending: str) -> str:
    """The file whose path ends so, nearest to the top; empty if there is none."""
    paths = sorted((name for name in members.names if f"/{name}".endswith(f"/{ending}")), key=len)
    return members.read(paths[0]).decode(errors="replace") if paths else ""


def _decode(members: Members, wnid_of: Mapping[str, str], wnids: list[str], origin: str) -> Split:
    """Images sorted by class and number; those in shades of grey get three equal channels."""

    def key(name: str) -> tuple[str, int, str]:
        number = re.search(r"(\d+)\.JPEG$", name)
        return wnid_of[name], int(number[1]) if number else -1, name.rsplit("/")[-1]

    names = sorted(wnid_of, key=key)
    images = np.empty((len(names), 3, SIDE_PX, SIDE_PX), np.uint8)
    for index, name in enumerate(tqdm(names, desc="decoding", unit=" images", disable=None)):
        images[index] = _pixels(members.read(name), f"{origin}: {name}").transpose(2, 0, 1)
    return Split(images, np.array([wnids.index(wnid_of[name]) for name in names]))


def _pixels(data: bytes, what: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.size == (SIDE_PX, SIDE_PX):
                return np.asarray(image.convert("RGB"))
            size = image.size
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise FilesError(f"{what} is damaged, or no JPEG: {error}.") from error
    raise FilesError(f"{what} has {size[0]} x {size[1]} pixels, expected {SIDE_PX} x {SIDE_PX}.")

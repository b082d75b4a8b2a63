"""Data sets in the formats that their authors ship, small, with real images inside where this machine has some."""

from __future__ import annotations

import functools
import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from lkca_exp.data.sources import SOURCES
from lkca_exp.data.sources.fashion_mnist import DEBIAN

WNIDS = ("n01443537", "n01629819", "n02124075")
WORDS = {
    "n01443537": "goldfish, Carassius auratus",
    "n01629819": "European fire salamander",
    "n02124075": "Egyptian cat",
}


@functools.cache
def _greys() -> np.ndarray:
    source = SOURCES["fashion_mnist"]
    if source.is_at(DEBIAN):
        return source.read(DEBIAN, True).test.images[:2000, 0]
    return np.random.default_rng(0).integers(0, 256, (2000, 28, 28), dtype=np.uint8)


def photos(count: int, side: int, first: int = 0) -> np.ndarray:
    """Images (count, 3, side, side), each other than the rest and with three different channels."""
    greys = _greys()[np.arange(first, first + count) % 2000]
    margin = side - 28
    greys = np.pad(greys, ((0, 0), (margin // 2, margin - margin // 2), (margin // 2, margin - margin // 2)))
    return np.stack([greys, 255 - greys, greys // 2], axis=1)


class Python2Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes strings and names as Python 2 did, in which CIFAR was pickled."""

    dispatch = pickle._Pickler.dispatch.copy()  # type: ignore[attr-defined]

    def save_string(self, value: Any) -> None:
        data = value if isinstance(value, bytes) else value.encode("latin1")
        self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    def save_name(self, value: Any, name: str | None = None) -> None:
        module = value.__module__.replace("numpy._core", "numpy.core")
        self.write(f"c{module}\n{name or value.__qualname__}\n".encode())
        self.memoize(value)

    save_global = save_name
    dispatch[str] = dispatch[bytes] = save_string
    dispatch[type] = dispatch[type(len)] = save_name


def python2_pickle(value: Any) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def cifar_batches(name: str, per_class: int = 2) -> dict[str, bytes]:
    """The pickles of CIFAR-10 or CIFAR-100, `per_class` images of each class in each."""
    num_classes = 10 if name == "cifar10" else 100
    listed = SOURCES[name].published.train_list + SOURCES[name].published.test_list  # type: ignore[attr-defined]
    batches = {}
    for index, (file, _) in enumerate(listed):
        labels = [label for label in range(num_classes) for _ in range(per_class)]
        rows = photos(len(labels), 32, first=index * len(labels)).reshape(len(labels), -1)
        label_lists = (
            {"labels": labels} if num_classes == 10 else {"fine_labels": labels, "coarse_labels": [0] * len(labels)}
        )
        names = [f"{file}_{number}.png" for number in range(len(labels))]
        batches[file] = python2_pickle({"batch_label": file, "data": rows, "filenames": names, **label_lists})
    return batches


def write_cifar(folder: Path, name: str, batches: dict[str, bytes] | None = None) -> Path:
    """The archive "for Python"."""
    published = SOURCES[name].published  # type: ignore[attr-defined]
    folder.mkdir(parents=True, exist_ok=True)
    members = cifar_batches(name) if batches is None else batches
    members = members | {"readme.html": b"<html>", published.meta["filename"]: python2_pickle({"num_vis": 3072})}
    with tarfile.open(folder / published.filename, "w:gz") as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(f"{published.base_folder}/{member}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return folder / published.filename


def write_svhn(folder: Path, per_class: int = 3) -> Path:
    """The two files of cropped digits; the digit 0 has the label 10."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.tile(np.arange(1, 11, dtype=np.uint8), per_class)[:, None]
    for index, part in enumerate(("train", "test")):
        images = photos(len(labels), 32, first=index * len(labels)).transpose(2, 3, 1, 0)
        savemat(folder / f"{part}_32x32.mat", {"X": images, "y": labels}, do_compression=True)
    return folder


def jpeg(image: np.ndarray, *, grey: bool = False) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(image[0]) if grey else Image.fromarray(image.transpose(1, 2, 0))
    picture.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def tiny_imagenet_members(
    wnids: tuple[str, ...] = WNIDS, per_class: int = 12, val_per_class: int = 2
) -> dict[str, bytes]:
    """Every file of the archive below its folder; the second image of each class is in shades of grey."""
    members = {
        "wnids.txt": "\n".join(reversed(wnids)).encode(),  # the archive's are in no order either
        "words.txt": "\n".join(f"{wnid}\t{words}" for wnid, words in WORDS.items()).encode(),
    }
    annotations = []
    for index, wnid in enumerate(wnids):
        for number, image in enumerate(photos(per_class, 64, first=index * per_class)):
            members[f"train/{wnid}/images/{wnid}_{number}.JPEG"] = jpeg(image, grey=number == 1)
        members[f"train/{wnid}/{wnid}_boxes.txt"] = b""
        for number, image in enumerate(photos(val_per_class, 64, first=1000 + index * val_per_class)):
            file = f"val_{number * len(wnids) + index}.JPEG"
            members[f"val/images/{file}"] = jpeg(image)
            annotations.append(f"{file}\t{wnid}\t0\t0\t63\t63")
    members["val/val_annotations.txt"] = "\n".join(annotations).encode()
    members["test/images/test_0.JPEG"] = jpeg(photos(1, 64)[0])
    return members


def write_tiny_imagenet_zip(file: Path, members: dict[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"tiny-imagenet-200/{name}", data)
    return file


def write_tree(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def bomb(image: bytes) -> bytes:
    """A JPEG that says of itself that it has 20000 x 20000 pixels, which would take more than a gigabyte."""
    header = image.index(b"\xff\xc0") + 5
    return image[:header] + (20000).to_bytes(2) * 2 + image[header + 4 :]

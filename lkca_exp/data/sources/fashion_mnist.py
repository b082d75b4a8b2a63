"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747), four gzipped IDX files.

They are taken from `<root>/fashion_mnist`, else from where Debian's package dataset-fashion-mnist puts them, else
torchvision downloads them into the former. Debian compresses the files anew, so the checksums are of their contents.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from lkca_exp.config.errors import ConfigError
from lkca_exp.data.arrays import Arrays, Split

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MD5_OF_CONTENTS = {
    "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
}


def load(root: Path, verify: bool) -> Arrays:
    """Train and test, found or downloaded.

    Raises:
        ConfigError: if the files are nowhere and cannot be downloaded, or are not the published ones (`verify`).
    """
    folder = find(root) or download(root)
    contents: dict[str, bytes] = {}
    warnings = []
    for name, expected in MD5_OF_CONTENTS.items():
        contents[name] = _unzip(folder / name)
        found = hashlib.md5(contents[name], usedforsecurity=False).hexdigest()
        if found == expected:
            continue
        rule = f"{folder / name} is not the published file: its contents have MD5 {found}, expected {expected}."
        if verify:
            raise ConfigError("data.root", root, rule, "Fetch it again, or accept it with data.verify=false.")
        warnings.append(rule)
    images, labels = zip(*(_split(folder, contents, part) for part in ("train", "t10k")), strict=True)
    train, test = (Split(i, y) for i, y in zip(images, labels, strict=True))
    return Arrays(train, test, tuple(warnings))


def find(root: Path) -> Path | None:
    """The folder that holds all four files, if there is one."""
    for folder in (root / "fashion_mnist", DEBIAN):
        if all((folder / name).is_file() for name in MD5_OF_CONTENTS):
            return folder
    return None


def download(root: Path) -> Path:
    """Let torchvision fetch the files, checking their MD5.

    Raises:
        ConfigError: if the network or the folder is not to be had.
    """
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.utils import download_url

    folder = root / "fashion_mnist"
    url = FashionMNIST.mirrors[0]
    try:
        for name, md5 in FashionMNIST.resources:
            download_url(url + name, str(folder), md5=md5)
    except (OSError, RuntimeError) as error:
        _remove_empty(folder, root)
        raise ConfigError(
            "data.root",
            root,
            f"Fashion-MNIST is neither in {folder} nor in {DEBIAN}, and {url} cannot be reached ({error}).",
            f"Put {', '.join(MD5_OF_CONTENTS)} into {folder}, or: apt-get install dataset-fashion-mnist.",
        ) from error
    return folder


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _unzip(file: Path) -> bytes:
    try:
        return gzip.decompress(file.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ConfigError(
            "data.root",
            file.parent,
            f"{file} is damaged ({error}): {file.stat().st_size} bytes, expected contents of MD5 "
            f"{MD5_OF_CONTENTS[file.name]}.",
            "Delete it to fetch it again.",
        ) from error


def _split(folder: Path, contents: dict[str, bytes], part: str) -> tuple[np.ndarray, np.ndarray]:
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", contents)
    labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", contents)
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise ConfigError(
            "data.root",
            folder.parent,
            f"{folder} holds {part} images of shape {images.shape} and labels of shape {labels.shape} up to "
            f"{labels.max(initial=0)}; expected (N, 28, 28), (N,) and labels up to 9.",
        )
    return images[:, None], labels.astype(np.int64)


def _idx(file: Path, contents: dict[str, bytes]) -> np.ndarray:
    """Unsigned bytes in the IDX format of MNIST: two zeros, type 8, number of axes, each as a big-endian int32."""
    data = contents[file.name]
    num_axes = data[3] if data[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(data, ">i4", num_axes, offset=4)) if len(data) >= 4 + 4 * num_axes else ()
    if not shape or len(data) != 4 + 4 * num_axes + int(np.prod(shape)):
        raise ConfigError("data.root", file.parent, f"{file} is no IDX file of unsigned bytes, or is cut short.")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * num_axes).reshape(shape)

"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747), four gzipped IDX files.

They may also lie where Debian's package dataset-fashion-mnist or torchvision puts them. Debian compresses the files
anew, so the checksums are of their contents.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.download import RemoteFile
from lkca_exp.data.sources.base import FilesError, Source, compare_md5

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MD5_OF_CONTENTS = {
    "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
}
MIRRORS = ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",)
"""The authors' own repository, beside the address that torchvision knows."""


class FashionMnist(Source):
    """Four files in one folder; addresses and checksums of the archives are those of torchvision's class."""

    def remote_files(self) -> tuple[RemoteFile, ...]:
        from torchvision.datasets import FashionMNIST

        mirrors = (*FashionMNIST.mirrors, *MIRRORS)
        return tuple(RemoteFile(name, md5, tuple(m + name for m in mirrors)) for name, md5 in FashionMNIST.resources)

    def places(self, root: Path) -> list[Path]:
        return [root / "fashion_mnist", root / "FashionMNIST" / "raw", DEBIAN]

    def files(self, place: Path) -> list[Path]:
        return [place / name for name in MD5_OF_CONTENTS]

    def read(self, place: Path, verify: bool) -> Arrays:
        contents, warnings = {}, []
        for file in self.files(place):
            contents[file.name] = _unzip(file)
            md5 = hashlib.md5(contents[file.name], usedforsecurity=False).hexdigest()
            warnings += compare_md5(f"The content of {file}", md5, MD5_OF_CONTENTS[file.name], verify)
        train, test = (_split(place, contents, part) for part in ("train", "t10k"))
        origin = f"{place} (MD5 of each content compared)"
        return Arrays(train, test, self.spec.class_names, origin, tuple(warnings))


def _unzip(file: Path) -> bytes:
    try:
        return gzip.decompress(file.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FilesError(
            f"{file} is damaged ({error}): {file.stat().st_size} bytes, expected contents of MD5 "
            f"{MD5_OF_CONTENTS[file.name]}.",
            "Delete it to fetch it again.",
        ) from error


def _split(folder: Path, contents: dict[str, bytes], part: str) -> Split:
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", contents)
    labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", contents)
    return Split(images[:, None], labels.astype(np.int64))


def _idx(file: Path, contents: dict[str, bytes]) -> np.ndarray:
    """Unsigned bytes in the IDX format of MNIST: two zeros, type 8, number of axes, each as a big-endian int32."""
    data = contents[file.name]
    num_axes = data[3] if data[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(data, ">i4", num_axes, offset=4)) if len(data) >= 4 + 4 * num_axes else ()
    if not shape or len(data) != 4 + 4 * num_axes + int(np.prod(shape)):
        raise FilesError(f"{file} is no IDX file of unsigned bytes, or is cut short.")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * num_axes).reshape(shape)

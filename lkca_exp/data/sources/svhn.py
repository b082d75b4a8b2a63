"""SVHN, Street View House Numbers (Netzer et al. 2011, "Reading Digits in Natural Images with Unsupervised Feature
Learning"), http://ufldl.stanford.edu/housenumbers, its cropped digits: two MATLAB files with `X`, 32 x 32 x 3 x N
bytes, and `y`, in which the digit 0 is labelled 10. The set "extra" is no part of the protocols here and not read."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.download import RemoteFile, md5_of
from lkca_exp.data.sources.base import FilesError, Source, compare_md5

NAMES = ("train_32x32.mat", "test_32x32.mat")
"""Those of torchvision's class, which takes seconds to import: a start with data.verify=false looks for the files."""


class Svhn(Source):
    """Two files in one folder; addresses and checksums are those of torchvision's class."""

    def remote_files(self) -> tuple[RemoteFile, ...]:
        from torchvision.datasets import SVHN

        listed = (SVHN.split_list[part] for part in ("train", "test"))
        return tuple(RemoteFile(name, md5, (url,)) for url, name, md5 in listed)

    def places(self, root: Path) -> list[Path]:
        return [root / "svhn", root]

    def files(self, place: Path) -> list[Path]:
        return [place / name for name in NAMES]

    def read(self, place: Path, verify: bool) -> Arrays:
        md5s, warnings, splits = [], [], []
        for file, remote in zip(self.files(place), self.remote_files(), strict=True):
            md5s.append(md5_of(file))
            warnings += compare_md5(file, md5s[-1], remote.md5, verify)
            splits.append(_read_mat(file))
        train, test = splits
        return Arrays(train, test, self.spec.class_names, f"{place} (MD5 {', '.join(md5s)})", tuple(warnings))


def _read_mat(file: Path) -> Split:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        held = loadmat(file, variable_names=("X", "y"))
        images, labels = held["X"], held["y"].reshape(-1).astype(np.int64)
    except (MatReadError, ValueError, TypeError, KeyError, NotImplementedError, OSError, zlib.error) as error:
        raise FilesError(f"{file} is damaged, or no MATLAB file with X and y: {error}.") from error
    if images.ndim != 4 or images.dtype != np.uint8:
        raise FilesError(f"{file} holds X of {images.dtype} and shape {images.shape}; expected bytes, (32, 32, 3, N).")
    labels[labels == 10] = 0
    return Split(np.ascontiguousarray(images.transpose(3, 2, 0, 1)), labels)

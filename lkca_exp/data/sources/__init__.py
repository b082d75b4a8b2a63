"""One file a data set: from its archive, as its authors ship it, to arrays."""

from collections.abc import Callable
from pathlib import Path

from lkca_exp.data.arrays import Arrays
from lkca_exp.data.sources import digits, fashion_mnist

SOURCES: dict[str, Callable[[Path, bool], Arrays]] = {
    "digits": digits.load,
    "fashion_mnist": fashion_mnist.load,
}
"""Name -> function of (folder of the data sets, whether to verify checksums)."""

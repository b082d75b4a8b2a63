"""Packs mutated by bytes and by shape: packed again or as they were, never an exception or other images."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lkca_exp.config.schema import DataConfig
from lkca_exp.data import pack
from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.listing import list_packs
from lkca_exp.data.pack import open_pack, write_pack
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.store import load
from tests.data.test_pack import arrays

VALUES = [None, True, 0, -1, 10**30, 0.5, float("nan"), "", "x", [], [None], [[]], {}, {"a": 1}]


def flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def leave_out(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 40) :]


def insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.randbytes(rng.randrange(1, 9)) + data[place:]


def nest(data: bytes, rng: random.Random) -> bytes:
    return b"[" * 100_000 + data


BYTES = (flip, cut, leave_out, insert, nest)


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths to everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def reshape(manifest: Any, rng: random.Random) -> Any:
    """A manifest with one part replaced, left out or added."""
    manifest = copy.deepcopy(manifest)
    *path, key = rng.choice(list(places(manifest)))
    holder = manifest
    for step in path:
        holder = holder[step]
    action = rng.choice(("replace", "leave out", "add"))
    if action == "replace":
        holder[key] = rng.choice(VALUES)
    elif action == "leave out":
        del holder[key]
    elif isinstance(holder, dict):
        holder["more"] = rng.choice(VALUES)
    else:
        holder.append(rng.choice(VALUES))
    return manifest


def other_arrays(values: np.ndarray) -> list[np.ndarray]:
    """The array in other shapes, types and with other values."""
    return [
        values[:-1],
        values[None],
        values.ravel()[:0],
        np.asfortranarray(values[::-1]),
        values.astype(np.float64),
        values.astype(str),
        values + 1,
        np.array(5),
    ]


def same(ours: Arrays, theirs: Arrays) -> bool:
    def plain(of: Arrays) -> tuple:
        return of.class_names, of.origin, of.warnings, of.content, of.mean, of.std

    def parts(of: Arrays) -> list[np.ndarray]:
        return [of.train.images, of.train.labels, of.test.images, of.test.labels]

    return plain(ours) == plain(theirs) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(parts(ours), parts(theirs), strict=True)
    )


@pytest.fixture
def mutated(tmp_path: Path) -> Callable[..., Path]:
    """A fresh copy of a pack, of which a file has other bytes."""
    packed = arrays()
    whole = Arrays(packed.train, packed.test, packed.class_names, packed.origin, packed.warnings, None, (0.5,), (0.25,))
    write_pack(tmp_path / "whole", whole, [["file", 1, 2]])
    assert open_pack(tmp_path / "whole").mean == (0.5,)

    def make(file: str = "", data: bytes = b"") -> Path:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "copy")
        if file:
            (tmp_path / "copy" / file).write_bytes(data)
        return tmp_path / "copy"

    return make


def check(folder: Path, expected: Arrays) -> bool:
    """Whether the pack is opened, and then is as it was."""
    opened = open_pack(folder)
    assert opened is None or same(opened, expected)
    return opened is not None


@pytest.mark.parametrize("file", [*pack.FILES, "checked.json"])
def test_mutated_bytes(mutated, file):
    rng, whole = random.Random(file), open_pack(mutated())
    data = (mutated() / file).read_bytes()
    opened = sum(check(mutated(file, mutate(data, rng)), whole) for mutate in BYTES for _ in range(12))
    assert opened == (60 if file == "checked.json" else 0)


def test_mutated_manifests(mutated):
    rng, whole = random.Random(0), open_pack(mutated())
    manifest = json.loads((mutated() / "manifest.json").read_text())
    for _ in range(300):
        changed = reshape(manifest, rng)
        opened = check(mutated("manifest.json", json.dumps(changed).encode()), whole)
        assert opened == ("sha256" not in changed or json.dumps(changed) == json.dumps(manifest))


@pytest.mark.parametrize("value", VALUES)
def test_a_manifest_of_another_kind(mutated, value):
    assert open_pack(mutated("manifest.json", json.dumps(value).encode())) is None


@pytest.mark.parametrize("key", ["files", "class_names", "warnings", "read_from", "mean", "std", "origin"])
def test_manifests_of_older_packs_have_no_checksum_to_show_a_wrong_shape(mutated, key):
    whole = open_pack(mutated())
    manifest = json.loads((mutated() / "manifest.json").read_text())
    del manifest["sha256"]
    assert check(mutated("manifest.json", json.dumps(manifest).encode()), whole)
    kept = ("", "x") if key == "origin" else ([],) if key != "files" else ()
    for value in VALUES:
        opened = open_pack(mutated("manifest.json", json.dumps(manifest | {key: value}).encode()))
        if not (value in kept or (key == "read_from" and isinstance(value, list))):
            assert opened is None, value


@pytest.mark.parametrize("array", pack.ARRAYS)
def test_other_arrays(mutated, array):
    file = f"{array}.npy"
    for values in other_arrays(np.load(mutated() / file)):
        np.save(mutated() / file, values)
        folder = mutated()
        np.save(folder / file, values)
        assert open_pack(folder) is None


def test_a_damaged_pack_is_listed_as_such_and_made_again(published, tmp_path):
    data = DataConfig(name="cifar10", root=str(tmp_path / "data"), archive=str(published))
    whole, rng = load(data), random.Random(1)
    file = tmp_path / "data" / "packed" / "cifar10" / "manifest.json"
    manifest = json.loads(file.read_text())
    for _ in range(25):
        changed = reshape(manifest, rng)
        file.write_text(json.dumps(changed))
        (listed,) = list_packs(SOURCES["cifar10"], tmp_path / "data", check=False)
        assert listed.state in ("packed", "damaged")
        again = load(data)
        for ours, theirs in ((again.train, whole.train), (again.test, whole.test)):
            assert isinstance(ours, Split)
            assert np.array_equal(ours.images, theirs.images)
            assert np.array_equal(ours.labels, theirs.labels)
        assert again.class_names == whole.class_names

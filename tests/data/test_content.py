"""What tells data files from others of the same name: a part of a run's id."""

from __future__ import annotations

import os
import shutil
import tarfile

import numpy as np
import pytest
from torchvision import datasets

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import compose
from lkca_exp.config.specs import SPECS
from lkca_exp.data import store
from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.content import run_of
from lkca_exp.data.pack import content_of, open_pack, write_pack
from lkca_exp.data.sources import SOURCES, cifar, svhn
from lkca_exp.data.store import load
from tests.data.published import (
    cifar_batches,
    tiny_imagenet_members,
    write_cifar,
    write_svhn,
    write_tiny_imagenet_zip,
    write_tree,
)

UNVERIFIED = "data.verify=false"


@pytest.fixture(autouse=True)
def another_process(monkeypatch):
    """Each test asks as a new process does."""
    monkeypatch.setattr(store, "_contents", {})


def content(*overrides: str) -> str | None:
    return run_of(compose(overrides)).derived.data_content


def id_of(*overrides: str) -> str:
    job = run_of(compose(overrides))
    return run_of(job).id


def test_other_files_of_the_same_name_are_another_run(tmp_path):
    for place, per_class in (("a", 2), ("b", 2), ("c", 1)):
        write_cifar(tmp_path / place / "cifar10", "cifar10", cifar_batches("cifar10", per_class))
    ids = {place: id_of("data=cifar10", UNVERIFIED, f"data.root={tmp_path / place}") for place in "abc"}
    assert ids["a"] == ids["b"]
    assert len({*ids.values(), id_of("data=cifar10")}) == 3


def test_one_pixel_or_one_label_is_enough(tmp_path):
    def arrays() -> Arrays:
        return Arrays(*(Split(np.zeros((n, 1, 2, 2), np.uint8), np.zeros(n, np.int64)) for n in (3, 2)), (), "")

    changed = [arrays() for _ in range(4)]
    changed[0].train.images[2, 0, 1, 1] = changed[1].test.images[0, 0, 0, 0] = 1
    changed[2].train.labels[1] = changed[3].test.labels[1] = 1
    contents = {content_of(each) for each in (arrays(), *changed)}
    assert len(contents) == 5
    for number, each in enumerate(changed):
        write_pack(tmp_path / str(number), each, [])
    assert {open_pack(tmp_path / str(number)).content for number in range(4)} < contents


def test_how_arrays_lie_in_memory_does_not_matter(tmp_path):
    values = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 1, 4, 4)
    labels = np.arange(3)
    plain, turned = (Arrays(Split(x, labels), Split(x, labels), (), "") for x in (values, np.asfortranarray(values)))
    assert content_of(plain) == content_of(turned)
    write_pack(tmp_path / "pack", turned, [])
    assert open_pack(tmp_path / "pack").content == content_of(plain)


def test_an_archive_and_what_is_unpacked_from_it(tmp_path):
    archive = write_cifar(tmp_path / "there", "cifar10")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    words = ["data=cifar10", UNVERIFIED, f"data.root={tmp_path / 'data'}"]
    packed, unpacked = (id_of(*words, f"data.archive={place}") for place in (archive, tmp_path / "cifar-10-batches-py"))
    again = tmp_path / "again.tar"
    with tarfile.open(again, "w") as tar:  # not compressed, so that its own checksum is another
        tar.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    assert id_of(*words, f"data.archive={again}") == packed == unpacked


def test_when_files_were_written_does_not_matter(tmp_path, monkeypatch):
    words = ["data=svhn", UNVERIFIED, f"data.root={tmp_path}"]
    write_svhn(tmp_path)
    before = content(*words)
    os.utime(tmp_path / "test_32x32.mat", (1, 1))
    monkeypatch.setattr(store, "_contents", {})
    assert content(*words) == before
    write_svhn(tmp_path, per_class=2)
    monkeypatch.setattr(store, "_contents", {})
    assert content(*words) not in (before, None)


@pytest.mark.parametrize("verify", ["true", "false"])
def test_a_folder_without_checksums_counts_by_its_content(tmp_path, monkeypatch, verify):
    """Tiny-ImageNet has a checksum of its archive alone."""
    members = tiny_imagenet_members(per_class=4, val_per_class=50)
    spec = SOURCES["tiny_imagenet"].spec
    counts = {"num_train": 12, "num_test": 150, "min_images_per_class": 0}
    monkeypatch.setattr(SOURCES["tiny_imagenet"], "spec", type(spec)(**(vars(spec) | counts)))
    one = write_tree(tmp_path / "one", members)
    copy = shutil.copytree(one, tmp_path / "copy")
    other = shutil.copytree(one, tmp_path / "other")
    (wnid,) = sorted((other / "train").iterdir())[:1]
    first, second = sorted((wnid / "images").iterdir())[:2]
    second.write_bytes(first.read_bytes())
    words = ["data=tiny_imagenet", f"data.verify={verify}", f"data.root={tmp_path / 'data'}"]
    contents = [content(*words, f"data.archive={place}") for place in (one, copy, other)]
    assert contents[0] == contents[1] != contents[2]
    assert None not in contents
    archive = write_tiny_imagenet_zip(tmp_path / "tiny.zip", members)
    expected = None if verify == "true" else contents[0]  # verified when it is read, or refused then
    assert content(*words, f"data.archive={archive}") == expected


def test_the_published_files_need_no_content_wherever_they_lie(published, tmp_path):
    plain = id_of("data=cifar10")
    words = ["data=cifar10", f"data.root={tmp_path / 'data'}"]
    for more in ([], [UNVERIFIED], [f"data.archive={published}"], [UNVERIFIED, f"data.archive={published}"]):
        assert id_of(*words, *more) == plain
    assert [path.name for path in (tmp_path / "data" / "packed").glob("c*")] == ["cifar10"]


def test_it_is_the_same_before_and_after_a_download(server, tmp_path, monkeypatch):
    words = ["data=cifar10", UNVERIFIED, f"data.root={tmp_path / 'data'}"]
    assert content(*words) is None
    assert server.requests == []
    config = compose(words).config.data
    assert load(config).content is None
    monkeypatch.setattr(store, "_contents", {})
    assert content(*words) is None
    num_requests = len(server.requests)
    shutil.rmtree(tmp_path / "data" / "cifar10")  # the pack is enough
    monkeypatch.setattr(store, "_contents", {})
    assert content(*words) is None
    assert load(config).content is None
    assert len(server.requests) == num_requests


def test_where_no_pack_can_be_written_the_content_is_the_same(archive, tmp_path):
    (tmp_path / "file").write_text("")
    words = ["data=cifar10", UNVERIFIED, f"data.archive={archive}"]
    unpacked = content(*words, f"data.root={tmp_path / 'file'}")
    assert unpacked == content(*words, f"data.root={tmp_path / 'data'}") is not None


def test_files_are_read_once_in_a_process_and_not_at_the_next_start(archive, tmp_path, monkeypatch):
    words = ["data=cifar10", UNVERIFIED, f"data.archive={archive}", f"data.root={tmp_path / 'data'}"]
    first = content(*words)
    monkeypatch.setattr(SOURCES["cifar10"], "read", None)
    with monkeypatch.context() as here:
        here.setattr(store, "open_pack", None)
        assert {content(*words, f"seed={seed}") for seed in range(10)} == {first}
    monkeypatch.setattr(store, "_contents", {})
    assert content(*words) == first


def test_the_published_sets_are_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "content", None)
    write_cifar(tmp_path, "cifar10")
    verified = [name for name, spec in SPECS.items() if spec.part_of or spec.checksums == "all"]
    assert {"digits", "cifar10"} < set(verified)
    for name in verified:
        assert content(f"data={name}", f"data.root={tmp_path}") is None


def test_what_cannot_be_read_is_refused_with_the_key(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder") as caught:
        content("data=cifar10", UNVERIFIED, "data.archive=nowhere.tar.gz")
    assert caught.value.key == "data.archive"


def test_no_warning_is_logged_for_it(archive, tmp_path, caplog):
    """A run that reads the files has it."""
    words = ["data=cifar10", UNVERIFIED, f"data.archive={archive}", f"data.root={tmp_path}"]
    content(*words)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(load(compose(words).config.data).warnings) == 2


@pytest.mark.parametrize("name", SOURCES)
def test_only_published_sets_have_checksums(name):
    source = SOURCES[name]
    assert (source.spec.checksums != "none") == bool(source.remote_files())


def test_a_set_without_checksums_never_passes_for_a_published_one(tmp_path, monkeypatch):
    """Such as one's own images."""
    spec = SOURCES["svhn"].spec
    own = {"checksums": "none", "num_train": 30, "num_test": 30, "min_images_per_class": 3}
    monkeypatch.setattr(SOURCES["svhn"], "spec", type(spec)(**(vars(spec) | own)))
    monkeypatch.setattr(svhn, "compare_md5", lambda *_: [])
    write_svhn(tmp_path)
    config = compose(["data=svhn", f"data.root={tmp_path}"]).config.data
    arrays = load(config)
    assert arrays.warnings == ()
    assert arrays.content == store.content(config) is not None
    assert [path.name[:15] for path in (tmp_path / "packed").glob("s*")] == ["svhn-unverified"]
    (tmp_path / "train_32x32.mat").unlink()
    monkeypatch.setattr(type(SOURCES["svhn"]), "remote_files", lambda self: ())
    with pytest.raises(ConfigError, match="is nowhere to be fetched from"):
        load(config)


@pytest.mark.parametrize(("name", "published"), [("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)])
def test_the_names_are_those_of_torchvision(name, published):
    listed = tuple(file for file, _ in published.train_list + published.test_list)
    assert cifar.NAMES[name] == (published.filename, published.base_folder, listed)
    assert tuple(datasets.SVHN.split_list[part][1] for part in ("train", "test")) == svhn.NAMES

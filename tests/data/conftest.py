"""A small CIFAR-10, in the true format, that can be had the true ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lkca_exp.data.download import md5_of
from lkca_exp.data.sources import SOURCES, cifar
from tests.data.published import write_cifar
from tests.data.server import serve


@pytest.fixture
def archive(tmp_path):
    return write_cifar(tmp_path / "elsewhere", "cifar10")


@pytest.fixture
def published(archive, monkeypatch):
    """Have the small archive be the one that the authors publish."""
    small = replace(SOURCES["cifar10"].spec, num_train=100, num_test=20, min_images_per_class=10)
    monkeypatch.setattr(SOURCES["cifar10"], "spec", small)
    monkeypatch.setattr(SOURCES["cifar10"].published, "tgz_md5", md5_of(archive))
    return archive


@pytest.fixture
def server(published, monkeypatch):
    """The only address that has it."""
    with serve() as running:
        running.files["/cifar-10-python.tar.gz"] = published.read_bytes()
        monkeypatch.setattr(cifar, "MIRROR", f"{running.url}/gone/{{file}}")
        monkeypatch.setattr(SOURCES["cifar10"].published, "url", f"{running.url}/cifar-10-python.tar.gz")
        yield running

"""Data that is missing or damaged, as the command line answers it."""

from __future__ import annotations

import sys

import pytest

from lkca_exp.__main__ import main
from lkca_exp.data.sources import fashion_mnist
from tests.conftest import TINY


def test_missing_data_without_a_network(monkeypatch, tmp_path, capsys):
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no" / "package")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(sys, "argv", ["lkca-exp", *TINY, "data=fashion_mnist"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    output = capsys.readouterr().err
    assert "data.root=data" in output
    assert "train-images-idx3-ubyte.gz" in output
    assert "data/fashion_mnist" in output
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_not_there(in_process, tmp_path):
    done = in_process(*TINY, "data=cifar10", "data.archive=cifar.tar.gz")
    assert done.returncode == 2
    assert "data.archive=cifar.tar.gz" in done.stderr
    assert "There is no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]])
def test_a_damaged_file(in_process, tmp_path, sweep):
    folder = tmp_path / "data" / "fashion_mnist"
    folder.mkdir(parents=True)
    for name in fashion_mnist.MD5_OF_CONTENTS:
        (folder / name).write_bytes(b"\x1f\x8b\x08\x00 cut short")
    done = in_process(*sweep, *TINY, "data=fashion_mnist")
    assert done.returncode == 2
    assert "train-images-idx3-ubyte.gz is damaged" in done.stderr
    assert "expected contents of MD5 f4a8712d7a061bf5bd6d2ca38dc4d50a" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("runs/**/run.json"))

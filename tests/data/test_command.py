"""python -m lkca_exp.data"""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from lkca_exp.cli.data import main
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.store import load
from tests.data.published import write_svhn
from tests.data.server import serve


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr().err
    assert "Traceback" not in output
    return output


def rows(capsys, *arguments: str) -> dict[str, str]:
    main(["list", *arguments])
    return {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1}


@pytest.mark.usefixtures("server")
def test_fetch_downloads_verifies_and_packs(here, capsys):
    main(["fetch", "cifar10", "digits", "--root", "sets"])
    output = capsys.readouterr().out
    assert "cifar10: 100 + 20 images from sets/cifar10/cifar-10-python.tar.gz (MD5" in output
    assert "digits: 1437 + 360 images from scikit-learn" in output
    assert (here / "sets" / "packed" / "cifar10" / "manifest.json").exists()


def test_an_unknown_name_is_refused_before_anything_is_fetched(here, capsys):
    output = refused(capsys, "fetch", "svhn", "cifar")
    assert "data.name=cifar" in output
    assert "cifar10 or cifar100" in output
    assert list(here.iterdir()) == []


def test_a_download_that_fails(here, capsys, monkeypatch):
    from torchvision.datasets import SVHN

    with serve() as running:
        listed = {part: [f"{running.url}/{part}", *rest] for part, (_, *rest) in SVHN.split_list.items()}
        monkeypatch.setattr(SVHN, "split_list", listed)
        output = refused(capsys, "fetch", "svhn")
    assert "data.root=data" in output
    assert "HTTP Error 404" in output
    assert "Put train_32x32.mat, test_32x32.mat into data/svhn" in output
    assert list(here.iterdir()) == []


def test_the_list_tells_every_state(here, capsys):
    from lkca_exp.config.schema import DataConfig

    write_svhn(here / "data" / "svhn")
    assert {"missing", "cifar100"} <= set(rows(capsys)["cifar100"].split())
    assert rows(capsys)["digits"].split()[1:4] == ["ready", "1,437", "360"]
    assert "ready" in rows(capsys)["svhn"]
    load(DataConfig(name="svhn", verify=False))
    main(["list"])
    unverified = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" svhn (unverified)")]
    assert unverified[0].split()[2:5] == ["packed", "30", "30"]


def test_the_list_tells_a_damaged_pack(published, here, capsys):
    from lkca_exp.config.schema import DataConfig

    load(DataConfig(name="cifar10", archive=str(published)))
    assert rows(capsys)["cifar10"].split()[1:4] == ["packed", "100", "20"]
    assert "packed" in rows(capsys, "--check")["cifar10"]
    os.truncate(here / "data" / "packed" / "cifar10" / "test_images.npy", 500)
    assert "damaged" in rows(capsys)["cifar10"]


def test_the_list_fits_a_narrow_terminal(here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "44")
    main(["list"])
    output = capsys.readouterr().out
    assert all(len(line) <= 44 for line in output.splitlines() if "python -m" not in line)
    assert all(name in output for name in SOURCES)


def test_preview_draws_the_first_batch(here):
    main(["preview", "augment=none", "data.images_per_class=3", "--out", "batch.png"])
    with Image.open(here / "batch.png") as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("L"))
    assert len(np.unique(pixels)) > 10  # grey levels of digits, not an empty sheet


def test_preview_refuses_as_a_run_does(here, capsys):
    assert "data.fraction=2" in refused(capsys, "preview", "data.fraction=2.0")
    assert "--out=no/batch.png" in refused(capsys, "preview", "--out", "no/batch.png")

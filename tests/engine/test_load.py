"""A trained run, loaded to predict with."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import lkca_exp
from lkca_exp.cli.evaluate import main
from lkca_exp.config.errors import ConfigError
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine.lifecycle import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from lkca_exp.config.job import compose
    from tests.conftest import TINY

    run = run_of(compose([*TINY, f"paths.runs={tmp_path_factory.mktemp('loaded')}"]))
    train(run)
    return run.directory


@pytest.fixture
def test_images(job):
    return torch.from_numpy(np.array(prepare(job().config).test.images))


def test_it_predicts_what_was_recorded(folder, test_images):
    run = lkca_exp.load_run(folder)
    with torch.inference_mode():
        predicted = run.model(run.transform(test_images)).argmax(dim=1)
    assert np.array_equal(predicted, np.load(folder / "predictions.npz")["predictions"])


def test_an_image_of_pillow_is_read_as_the_tensor_is(folder, test_images):
    run = lkca_exp.load_run(folder)
    pixels = test_images[0]
    image = Image.fromarray(pixels[0].numpy())
    assert torch.equal(run.transform(image), run.transform(pixels))
    colours = Image.merge("RGB", [image.resize((16, 24), Image.Resampling.NEAREST)] * 3)
    probabilities = run.predict(image, colours)
    assert probabilities.shape == (2, 10)
    assert probabilities.sum(dim=1) == pytest.approx(1.0)


def test_it_leaves_as_onnx(folder, test_images, tmp_path):
    run = lkca_exp.load_run(folder)
    run.export_onnx(tmp_path / "model.onnx")
    values = run.transform(test_images[:5])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(["logits"], {"images": values.numpy()})
    with torch.inference_mode():
        assert torch.from_numpy(logits).allclose(run.model(values), atol=1e-5)


def test_the_command_predicts_images_and_names_those_it_cannot_read(folder, test_images, tmp_path, capsys):
    Image.fromarray(test_images[0, 0].numpy()).save(tmp_path / "digit.png")
    (tmp_path / "none.png").write_text("no image")
    main([str(folder), "--images", str(tmp_path / "digit.png")])
    predicted = np.load(folder / "predictions.npz")["predictions"][0]
    assert f"digit.png: {predicted} " in capsys.readouterr().out
    with pytest.raises(SystemExit) as refusal:
        main([str(folder), "--images", str(tmp_path / "none.png")])
    assert refusal.value.code == 2
    assert "none.png\n  It cannot be read as an image" in capsys.readouterr().err


def test_a_folder_without_weights_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match="no record"):
        lkca_exp.load_run(tmp_path)


def test_the_table_has_a_row_a_run(folder, tmp_path):
    (row,) = lkca_exp.load_runs(folder.parent)
    record = json.loads((folder / "run.json").read_text())
    assert row["test/top1"] == record["metrics"]["test/top1"]
    assert (row["state"], row["seed"], row["model.mixer.name"]) == ("finished", 0, "lkca")
    assert lkca_exp.load_runs(folder) == [row]
    assert lkca_exp.load_runs(tmp_path) == []

"""python -m lkca_exp.evaluate"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lkca_exp.cli.evaluate import main
from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine.evaluate import evaluate
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs import record as records
from lkca_exp.runs.state import run_state
from tests.runs.conftest import change


@pytest.fixture
def trained(job, tmp_path, monkeypatch):
    """Trains a run below `runs` of an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def make(*overrides: str) -> Path:
        made = job("paths.runs=runs", *overrides)
        train(run_of(made))
        return run_of(made).directory

    return make


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "overrides",
    [[], ["protocol=final", "model/mixer=attention"], ["protocol=best_on_test", "optim.ema_decay=0.5"],
     ["precision=bf16"], ["trainer=debug"], ["trainer=debug_overfit"]],
)  # fmt: skip
def test_a_run_s_own_test_comes_out_as_recorded(trained, overrides):
    folder = trained(*overrides)
    figures = evaluate(run_state(folder))
    recorded = records.read(folder).metrics
    for name in ("top1", "top5", "loss", "calibration_error"):
        assert figures[name] == recorded[f"test/{name}"], name
    assert figures["images"] == len(np.load(folder / "predictions.npz")["labels"])


def test_the_validation_split_is_the_one_that_chose_the_weights(trained):
    folder = trained()
    figures = evaluate(run_state(folder), "validation")
    recorded = records.read(folder).metrics
    assert (figures["top1"], figures["loss"]) == (recorded["val/top1"], recorded["val/loss"])


def test_the_training_split_is_what_was_trained_on(trained, job):
    figures = evaluate(run_state(trained()), "train")
    assert figures["images"] == len(prepare(job().config).train)


def test_the_command_prints_and_writes_figures_and_changes_nothing(trained, capsys):
    folder = trained()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    main([folder.name, "--split", "test", "data.verify=true", "--json", "figures.json"])
    recorded = records.read(folder).metrics
    lines = capsys.readouterr().out.splitlines()[-2:]
    assert lines[0] == f"default/{folder.name}: 360 images of digits, test"
    assert lines[1].startswith(f"top-1 {100 * recorded['test/top1']:.2f} %, top-5 ")
    assert lines[1].endswith(f"loss {recorded['test/loss']:.4f}")
    figures = json.loads(Path("figures.json").read_text())
    assert figures["top1"] == recorded["test/top1"]
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert {path.name for path in Path.cwd().iterdir()} == {"runs", "figures.json"}


def test_other_data_are_normalised_as_in_training(trained, monkeypatch, capsys):
    """A model that was trained on `svhn` sees images of `cifar10` as it saw its own."""
    rng = np.random.default_rng(0)

    def some(count: int) -> Split:
        labels = np.arange(count) % 10
        return Split(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), labels)

    arrays = Arrays(some(100), some(50), ("a",) * 10, "nowhere")
    loaded = []
    monkeypatch.setattr("lkca_exp.data.prepare.load", lambda data: loaded.append(data.name) or arrays)
    folder = trained("data=svhn", "epochs=1", "data.fraction=1", "model.depth=1")
    own, other = evaluate(run_state(folder)), evaluate(run_state(folder), overrides=["data=cifar10", "data.root=there"])
    assert loaded[-2:] == ["svhn", "cifar10"]
    assert {**own, "data": "cifar10"} == other
    assert "the classes of cifar10 are not those of svhn" in capsys.readouterr().err


def test_data_that_do_not_fit_are_refused(trained, capsys):
    folder = trained("epochs=1")
    output = refused(capsys, folder, "data=cifar100")
    assert "for 10 classes of 1 x 8 x 8 images; cifar100 has 100 classes of 3 x 32 x 32 images" in output
    assert "What fits: digits." in output


@pytest.mark.parametrize(
    ("override", "expected"),
    [("data=cifar", "cifar10 or cifar100"), ("data.fration=1", "data.fraction"), ("data.fraction=2.0", "at most 1"),
     ("seed=1", "What can be given"), ("data=digits,svhn", "What can be given"), ("~data", "What can be given"),
     ("data.name=svhn", "What can be given"), ("data.fraction=[1", "key=value")],
)  # fmt: skip
def test_a_mistake_gets_a_short_answer(a_run, capsys, override, expected):
    answer = refused(capsys, a_run, override)
    assert answer.startswith("lkca_exp: ")
    assert expected in answer


@pytest.fixture(scope="module")
def a_run(tmp_path_factory) -> Path:
    """One run for all that is refused."""
    from lkca_exp.config.job import compose
    from tests.conftest import TINY

    made = compose([*TINY, "epochs=1", "protocol=final", f"paths.runs={tmp_path_factory.mktemp('runs')}"])
    train(run_of(made))
    return run_of(made).directory


def test_what_cannot_be_evaluated_is_refused(a_run, tmp_path, capsys):
    assert "no validation images were held out" in refused(capsys, a_run, "--split", "validation")
    assert "no folder that may be written" in refused(capsys, a_run, "--json", tmp_path / "no" / "file")
    assert "no such run" in refused(capsys, "nothing", "--runs", tmp_path)


def test_a_run_without_weights_is_refused(trained, capsys):
    folder = trained("keep=none", "epochs=1")
    assert "not kept (keep=none)" in refused(capsys, folder)
    change(folder, status="interrupted", config=records.read(folder).config | {"keep": "weights"})
    assert "It is interrupted, without weights" in refused(capsys, folder)
    (folder / "run.json").write_text("{")
    assert "It is damaged" in refused(capsys, folder)


def test_weights_of_another_seed_are_refused(trained, capsys):
    folder, other = trained("epochs=1"), trained("epochs=1", "seed=1")
    (folder / "weights.safetensors").write_bytes((other / "weights.safetensors").read_bytes())
    assert "They are damaged, or another run's" in refused(capsys, folder)


def test_weights_that_do_not_fit_are_refused(trained, capsys):
    """Those of a record from before there were checksums."""
    folder, wider = trained("epochs=1"), trained("epochs=1", "model.width=32")
    change(folder, sha256={})
    (folder / "weights.safetensors").write_bytes((wider / "weights.safetensors").read_bytes())
    assert "does not hold the weights of this model" in refused(capsys, folder)
    (folder / "weights.safetensors").write_bytes(b"damaged")
    assert "does not hold the weights of this model" in refused(capsys, folder)

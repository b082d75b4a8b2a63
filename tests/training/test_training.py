"""Runs trained for real, in this process."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from lkca_exp.config.errors import ConfigError, RunFailedError
from lkca_exp.config.schema import AdamwConfig
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine.fit import build_datamodule, build_module, build_trainer
from lkca_exp.engine.lifecycle import begin, train
from lkca_exp.models.build import build_model
from lkca_exp.runs import record as records
from lkca_exp.runs.store import RESULT_FILES
from lkca_exp.training.module import Classifier


def trained(job, *overrides: str) -> tuple[Path, dict]:
    made = job(*overrides)
    train(run_of(made))
    directory = run_of(made).directory
    return directory, json.loads((directory / "run.json").read_text())


def rows(directory: Path) -> list[dict]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def rebuilt_accuracy(made, directory: Path) -> float:
    """Test accuracy of the stored weights, computed without any of the training code."""
    model = build_model(made.config.model, made.derived)
    model.load_state_dict(load_file(directory / "weights.safetensors"))
    model.eval()
    data = prepare(made.config)
    images = build_datamodule(made, data).normalise(torch.tensor(data.test.images))
    with torch.no_grad():
        predictions = model(images).argmax(1).numpy()
    return float((predictions == data.test.labels).mean())


@pytest.mark.parametrize("protocol", ["holdout", "final", "best_on_test"])
def test_the_record_of_a_run_is_whole_and_true(job, protocol):
    made = job(f"protocol={protocol}")
    directory, record = trained(job, f"protocol={protocol}")
    assert record["status"] == "finished"
    assert record["error"] is None
    files = {path.name for path in directory.iterdir()} - {".lock"}
    assert files - {"analysis"} == {"run.json", *RESULT_FILES}
    assert [path.name for path in (directory / "analysis").iterdir()] == ["locality.json"]
    stored = np.load(directory / "predictions.npz")
    assert stored["labels"].tolist() == prepare(made.config).test.labels.tolist()
    assert stored["predictions"].dtype == np.uint8
    accuracy = float((stored["labels"] == stored["predictions"]).mean())
    assert record["metrics"]["test/top1"] == pytest.approx(accuracy, abs=1e-6)
    assert rebuilt_accuracy(made, directory) == pytest.approx(accuracy, abs=1e-6)
    assert record["model"]["parameters"] == sum(
        t.numel() for t in load_file(directory / "weights.safetensors").values()
    )
    assert 0 < record["model"]["flops_per_image"] < record["model"]["flops_per_image_as_convolution"]
    assert record["speed"]["train_images_per_s"] > 0
    assert record["speed"]["test_images_per_s"] > 0
    assert record["memory"]["peak_bytes"] > 1e8
    assert record["device"]["threads"] == torch.get_num_threads()
    assert [attempt["status"] for attempt in record["attempts"]] == ["finished"]


def test_protocols_validate_on_what_they_say_and_no_more(job):
    for protocol, name, selected in (
        ("holdout", "val", "validation"),
        ("final", None, None),
        ("best_on_test", "test", "test"),
    ):
        directory, record = trained(job, f"protocol={protocol}")
        validated = {key.split("/")[0] for row in rows(directory) for key in row if "/" in key} - {"train"}
        assert validated == ({name} if name else set())
        assert record["selected_on"] == selected


def test_the_best_epoch_is_chosen(job):
    directory, record = trained(job, "protocol=best_on_test", "epochs=6", "optim.lr=0.01")
    best = max(row["test/top1"] for row in rows(directory))
    assert record["metrics"]["test/top1"] == pytest.approx(best)
    assert record["metrics"]["epoch"] == max(row["epoch"] for row in rows(directory) if row["test/top1"] == best)


def test_top5_only_where_it_says_something():
    assert "top5" in Classifier.__init__.__globals__["build_metrics"](6)
    assert "top5" not in Classifier.__init__.__globals__["build_metrics"](5)


def test_same_seed_same_run_other_seed_other_run(job, tmp_path):
    first, _ = trained(job)
    again, _ = trained(job, f"paths.runs={tmp_path / 'again'}")
    other, _ = trained(job, "seed=1")
    assert (first / "metrics.jsonl").read_bytes() == (again / "metrics.jsonl").read_bytes()
    assert (first / "weights.safetensors").read_bytes() == (again / "weights.safetensors").read_bytes()
    assert rows(first) != rows(other)


class Norms(pl.Callback):
    """The gradient's norm at every step, before it is clipped."""

    def __init__(self):
        self.steps = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        squares = sum((weight.grad.double() ** 2).sum() for weight in module.model.parameters())
        self.steps.append(math.sqrt(squares))


@pytest.mark.parametrize("clip_norm", ["0.5", "null"])
def test_the_norm_of_the_gradient_is_recorded_once_an_epoch(job, clip_norm):
    made = job("logger.gradient_norm=true", f"optim.clip_norm={clip_norm}", "epochs=1", "protocol=final")
    assert run_of(made).id == run_of(job(f"optim.clip_norm={clip_norm}", "epochs=1", "protocol=final")).id
    trainer, norms = build_trainer(made.config), Norms()
    trainer.callbacks.append(norms)
    module = build_module(made, build_model(made.config.model, made.derived), "val")
    trainer.fit(module, build_datamodule(made, prepare(made.config)))
    assert len(norms.steps) > 1
    assert max(norms.steps) > 0.5
    module.end_training_part()
    assert module.row["train/gradient_norm"] == pytest.approx(np.mean(norms.steps), rel=1e-5)


@pytest.mark.parametrize("clip_norm", ["0.5", "null"])
def test_it_changes_nothing_else(job, tmp_path, clip_norm):
    plain, record = trained(job, f"optim.clip_norm={clip_norm}")
    options = ["logger.gradient_norm=true", f"optim.clip_norm={clip_norm}", f"paths.runs={tmp_path / 'other'}"]
    with_norm, same = trained(job, *options)
    assert (plain / "weights.safetensors").read_bytes() == (with_norm / "weights.safetensors").read_bytes()
    logged = rows(with_norm)
    assert all(row.pop("train/gradient_norm") > 0 for row in logged)
    assert logged == rows(plain)
    assert same["metrics"] == record["metrics"]
    assert same["id"] == record["id"]


def begun_with(backend, job, monkeypatch):
    """A run, and its folder, that was begun with this backend and went no further."""
    made = job("protocol=final")
    directory = run_of(made).directory
    directory.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr("lkca_exp.engine.lifecycle.choose_backend", lambda *_, **__: backend)
        begin(run_of(made), None, prepare(made.config))
    return made, directory


def test_a_run_goes_on_with_the_backend_that_it_began_with(job, monkeypatch):
    """Though the rule names another by now."""
    _, directory = begun_with("convolution", job, monkeypatch)
    begun = json.loads((directory / "run.json").read_text())
    _, ended = trained(job, "protocol=final")
    assert [attempt["status"] for attempt in ended["attempts"]] == ["killed", "finished"]
    assert begun["model"]["backend"] == ended["model"]["backend"] == "convolution"
    assert (
        ended["model"]["flops_per_image"] > trained(job, "protocol=final", "force=true")[1]["model"]["flops_per_image"]
    )


def test_a_run_that_began_compiled_says_so_where_nothing_compiles(job, monkeypatch):
    made, directory = begun_with("direct", job, monkeypatch)
    monkeypatch.setattr("lkca_exp.models.large_kernel.direct.problem", lambda: "c++: not found")
    with pytest.raises(ConfigError, match=r"run=digits-lkca.*\n.*c\+\+: not found.*\n.*Install a C\+\+ compiler"):
        train(run_of(made))
    record = records.read(directory)
    assert (record.model["backend"], len(record.attempts)) == ("direct", 1)


@pytest.mark.parametrize(
    ("overrides", "backend"),
    [
        (["model/mixer=attention"], None),
        (["model.mixer.view=convolution"], "convolution"),
        (["model.mixer.view=attention", "model.mixer.kernel_size=3"], "toeplitz"),
        ([], "toeplitz"),
        (["model/mixer=lkca_depthwise"], "direct"),
        (["model/mixer=lkca_depthwise", "model.mixer.kernel_size=3"], "convolution"),
    ],
)
def test_the_backend_is_recorded(job, overrides, backend):
    assert trained(job, "trainer=debug", *overrides)[1]["model"]["backend"] == backend


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
def test_one_batch_can_be_overfitted(job, mixer):
    overrides = ["trainer=debug_overfit", "augment=none", "epochs=80", "optim.lr=0.01", "model.drop_path=0"]
    _, record = trained(job, f"model/mixer={mixer}", *overrides)
    assert record["metrics"]["test/top1"] == 1
    assert record["metrics"]["train/loss"] < 0.7  # 0.5 is what label smoothing leaves


def test_a_fast_run_is_two_batches_of_one_epoch(job):
    directory, record = trained(job, "trainer=debug")
    assert [(row["epoch"], row["step"]) for row in rows(directory)] == [(0, 2)]
    assert record["status"] == "finished"
    assert record["id"] != trained(job)[1]["id"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns(job, precision):
    _, record = trained(
        job, "data.fraction=1", "epochs=16", "optim.lr=0.01", f"precision={precision}", "protocol=final"
    )
    assert record["metrics"]["test/top1"] > 0.75


def test_the_moving_average_is_what_is_tested_and_kept(job):
    overrides = ["optim.ema_decay=0.9", "protocol=final"]
    made = job(*overrides)
    directory, record = trained(job, *overrides)
    plain, _ = trained(job, "protocol=final")
    assert rebuilt_accuracy(made, directory) == pytest.approx(record["metrics"]["test/top1"], abs=1e-6)
    ours, others = load_file(directory / "weights.safetensors"), load_file(plain / "weights.safetensors")
    assert ours.keys() == others.keys()
    assert any(not torch.equal(ours[name], others[name]) for name in ours)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(job, caplog):
    made = job("optim.lr=1e30", "optim.clip_norm=null", "optim.warmup_epochs=0")
    with caplog.at_level(logging.ERROR), pytest.raises(RunFailedError, match=r"the loss is (nan|inf) at step \d+"):
        train(run_of(made))
    record = records.read(run_of(made).directory)
    assert record.status == "failed"
    assert record.error.type == "FloatingPointError"
    assert "Traceback" in record.error.traceback
    assert "Traceback" in caplog.text
    assert "Traceback" in (run_of(made).directory / "train.log").read_text()


@pytest.mark.parametrize(("keep", "left"), [("weights", "weights.safetensors"), ("all", "checkpoints"), ("none", None)])
def test_keep(job, keep, left):
    directory, _ = trained(job, f"keep={keep}", "epochs=1")
    assert (directory / "weights.safetensors").exists() == (keep != "none")
    assert (directory / "checkpoints" / "last.ckpt").exists() == (keep == "all")
    assert left is None or (directory / left).exists()


def test_a_run_with_the_whole_protocol_trains_and_tells_how_long_it_waited(job):
    directory, record = trained(job, "augment=lee2021", "augment.crop_padding_px=1", "epochs=2")
    assert record["status"] == "finished"
    assert 0 < record["speed"]["data_wait_share"] < 1
    made = job("augment=lee2021")
    steps = 3 * len(prepare(made.config).train) // made.config.batch_size  # an epoch is three passes
    assert [row["step"] for row in rows(directory)] == [steps, 2 * steps]


class Fixed(torch.nn.Module):
    """Answers with the logits it was given."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_step_takes_labels_or_shares(smoothing):
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 3.0, 0.5], [1.0, 0.0, 4.0]])
    shares = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.3, 0.7], [0.0, 0.0, 1.0]])
    module = Classifier(Fixed(logits), AdamwConfig(label_smoothing=smoothing), set(), 3, 0, 0.0, "val")
    for targets, correct in ((shares, 2), (shares.argmax(1), 2)):
        module.losses, module.num_correct = torch.zeros(1), torch.zeros((), dtype=torch.long)
        loss = module.training_step((torch.empty(3), targets), 0)
        whole = targets if targets.ndim == 2 else torch.eye(3)[targets]
        smoothed = (1 - smoothing) * whole + smoothing / 3
        assert loss.item() == pytest.approx(-(smoothed * logits.log_softmax(1)).sum(1).mean().item(), abs=1e-6)
        assert module.num_correct == correct

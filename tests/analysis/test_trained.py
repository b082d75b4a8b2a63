"""`python -m lkca_exp.analysis run`: of runs, of studies, and not twice."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lkca_exp.analysis import efficiency
from lkca_exp.cli.analysis import main
from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train

FIELD = {"receptive_field.png", "receptive_field.json", "receptive_field.npz"}


@pytest.fixture
def trained(job, tmp_path, monkeypatch):
    """Trains a run of two batches and returns its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(efficiency, "SECONDS_A_ROUND", 0)

    def make(*overrides):
        made = job("trainer=debug", "study=analysed", "paths.runs=runs", *overrides)
        train(run_of(made))
        return run_of(made).directory

    return make


def names(folder):
    return {path.name for path in (folder / "analysis").iterdir()} if (folder / "analysis").exists() else set()


def test_reach_is_written_when_a_run_ends_and_the_rest_on_request(trained, capsys):
    lkca, attention = trained(), trained("model/mixer=attention")
    assert names(lkca) == names(attention) == {"locality.json"}
    main(["run", "analysed", "--images", "8", "--batch-sizes", "1", "2"])
    assert names(attention) == FIELD | {"locality.json", "efficiency.json"}
    assert names(lkca) == names(attention) | {"kernels.png"}
    curves = json.loads((lkca / "analysis" / "receptive_field.json").read_text())
    with np.load(lkca / "analysis" / "receptive_field.npz") as arrays:
        assert arrays["fields"].shape == (len(curves["x"]), 8, 8)
    rates = json.loads((lkca / "analysis" / "efficiency.json").read_text())
    assert rates["x"] == [1, 2]
    assert all(min(values) > 0 for values in rates["series"].values())
    assert f"{lkca.name}: " in capsys.readouterr().out


def test_what_is_there_of_these_weights_is_not_done_again(trained, capsys):
    folder = trained()
    arguments = ["run", folder.name, "--images", "8", "--batch-sizes", "1"]
    main(arguments)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "analysis").iterdir()}

    def changed():
        now = {path.name: path.stat().st_mtime_ns for path in (folder / "analysis").iterdir()}
        return {name for name in now if now[name] != before[name]}

    capsys.readouterr()
    main(arguments)
    assert "analysed before" in capsys.readouterr().out
    assert changed() == set()
    main([*arguments[:-1], "2"])
    assert changed() == {"efficiency.json"}
    main([*arguments, "--again"])
    assert changed() == names(folder)


def test_other_weights_are_looked_at(trained):
    folder = trained()
    main(["run", folder.name, "--images", "8"])
    first = (folder / "analysis" / "receptive_field.json").read_text()
    curves = json.loads(first) | {"weights": "of another model"}
    (folder / "analysis" / "receptive_field.json").write_text(json.dumps(curves))
    main(["run", folder.name, "--images", "8"])
    assert (folder / "analysis" / "receptive_field.json").read_text() == first


def test_rates_are_measured_once_for_all_seeds(trained):
    folders = [trained(f"seed={seed}") for seed in (0, 1)]
    main(["run", "analysed", "--images", "8", "--batch-sizes", "1"])
    assert ["efficiency.json" in names(folder) for folder in folders] == [True, False]


def test_of_several_runs_those_with_nothing_to_show_are_named(trained, capsys):
    lkca, bare = trained(), trained("keep=none", "seed=1")
    assert names(bare) == {"locality.json"}
    main(["run", "analysed", "--images", "8"])
    assert "keep=none" in capsys.readouterr().out
    assert names(lkca) >= FIELD
    with pytest.raises(SystemExit) as ended:
        main(["run", bare.name])
    assert ended.value.code == 2
    assert "keep=none" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["run", "nothing"], ["run", "x", "--images", "0"], ["run", "x", "--batch-sizes", "a"]]
)
def test_mistakes_are_answered(trained, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_model_of_timm_has_no_tokens_to_analyse(tmp_path, monkeypatch, capsys):
    words = ["model=timm", "model.name=resnet10t", "trainer=debug", "logger=none", f"paths.runs={tmp_path / 'runs'}"]
    made = compose(words)
    train(run_of(made))
    folder = run_of(made).directory
    assert names(folder) == set()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["run", str(folder)])
    assert "no grid of tokens" in capsys.readouterr().err


def test_damaged_weights_are_named(trained, capsys):
    weights = trained() / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(SystemExit) as ended:
        main(["run", "analysed"])
    assert ended.value.code == 2
    assert "weights.safetensors" in capsys.readouterr().err

"""The dashboard of a study in W&B, as the stand-in for its service receives it."""

from __future__ import annotations

import importlib.util
import json
import time

import pytest
import wandb

from lkca_exp.cli.report import main
from lkca_exp.runs import wandb_client
from tests.training.wandb_files import only, stored, summary
from tests.training.wandb_server import StoredRun, WandbServer

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")  # of wandb-workspaces
FLAG = "--wandb-workspace"


@pytest.fixture
def logged(server, compared):
    """A study with a run in W&B."""
    config = json.dumps({"study": {"value": compared.name}})
    server.runs["run"] = StoredRun("run", {"project": "lkca_exp", "config": config})
    return compared


def saved(server: WandbServer, kind: str) -> dict:
    """The only view ("project-view") or report ("runs"), its specification parsed."""
    (found,) = (view for view in server.views.values() if view["type"] == kind)
    return found | {"spec": json.loads(found["spec"])}


def panels_of(panels: list[dict]) -> dict[str, dict]:
    """Their settings by title."""
    return {panel["config"]["chartTitle"]: panel["config"] | {"view": panel["viewType"]} for panel in panels}


def test_a_view_of_the_study(server, logged, capsys):
    assert main([str(logged), FLAG]) == 0
    view = saved(server, "project-view")
    assert (view["entityName"], view["projectName"]) == ("us", "lkca_exp")
    assert view["displayName"] == "Study digits_compare"
    name = view["name"].removeprefix("nw-").removesuffix("-v")
    assert f"W&B view: {server.url}/us/lkca_exp?nw={name}" in capsys.readouterr().out
    section = view["spec"]["section"]
    (runs,) = section["runSets"]
    (filtered,) = runs["filters"]["filters"]
    assert filtered["key"] == {"section": "config", "name": "study"}
    assert (filtered["op"], filtered["value"]) == ("IN", ["digits_compare"])
    assert runs["grouping"] == [{"section": "config", "name": "model.value.mixer.name"}]
    assert runs["sort"]["keys"] == [{"key": {"section": "summary", "name": "test/top1"}, "ascending": False}]
    shown = runs["runFeed"]["columnOrder"]
    assert shown[:3] == ["run:displayName", "config:model.value.mixer.name", "config:seed.value"]
    assert "summary:test/top1" in shown
    costs, curves = section["panelBankConfig"]["sections"]
    drawn = panels_of(curves["panels"])
    assert [*drawn] == ["train/top1", "lr", "train/loss"]
    for title, curve in drawn.items():
        assert curve["view"] == "Run History Line Plot"
        assert (curve["xAxis"], curve["metrics"]) == ("epoch", [title])
        assert (curve["groupAgg"], curve["groupArea"]) == ("mean", "stddev")
    drawn = panels_of(costs["panels"])
    scatter = {key: panel for key, panel in drawn.items() if panel["view"] == "Scatter Plot"}
    assert {(panel["xAxis"], panel["yAxis"]) for panel in scatter.values()} == {
        ("summary:parameters", "summary:test/top1"),
        ("summary:train_images_per_s", "summary:test/top1"),
    }
    axes = [column["accessor"] for column in drawn["test top-1 by what varies"]["columns"]]
    assert axes == ["config:model.value.mixer.name", "summary:test/top1"]


def test_what_it_reads_is_what_training_logs(job):
    """The keys of the summary and of the configuration, as W&B gets them of a run."""
    from lkca_exp.data.content import run_of
    from lkca_exp.engine.lifecycle import train

    run = run_of(job("logger=wandb", "logger.mode=offline"))
    train(run)
    records = stored(run.directory)
    keys = {"test/top1", "parameters", "flops_per_image", "train_images_per_s", "test_images_per_s"}
    assert keys <= summary(records).keys()
    config = only(records, "run")["config"]["update"]
    assert (config["study"], config["model"]["mixer"]["name"], config["seed"]) == ("default", "lkca", 0)


def test_a_report_with_the_answer_the_table_and_the_commands(server, logged, capsys):
    assert main([str(logged), FLAG]) == 0
    page = saved(server, "runs")
    assert page["displayName"] == "Study digits_compare"
    assert f"W&B report: {server.url}/us/lkca_exp/reports/Study-digits_compare--" in capsys.readouterr().out
    blocks = {block["type"]: block for block in page["spec"]["blocks"]}
    answer = blocks["markdown-block"]["content"]
    assert answer == (logged / "report" / "answer.md").read_text()
    assert answer.startswith("lkca is 3.00 points above attention")
    assert "| attention |" in answer
    grid = blocks["panel-grid"]["metadata"]
    (runs,) = grid["runSets"]
    assert runs["project"] == {"id": "1", "name": "lkca_exp", "entityName": "us"}
    assert runs["grouping"] == [{"section": "config", "name": "model.value.mixer.name"}]
    assert {"train/top1", "test top-1 against parameters"} <= panels_of(grid["panelBankSectionConfig"]["panels"]).keys()
    (line,) = blocks["code-block"]["children"]
    commands = line["children"][0]["text"].splitlines()
    assert commands[0] == "python -m lkca_exp +experiment=digits_compare"
    assert commands[1].endswith(f"digits_compare {FLAG}")


def test_made_again_they_are_brought_up_to_date(server, logged, make_run):
    assert main([str(logged), FLAG]) == 0
    before = {id: view["name"] for id, view in server.views.items() if view["type"] == "project-view"}
    make_run("lkca", 3, 0.99, config={"optim.lr": 0.5})
    assert main([str(logged), FLAG, "--metric", "test/loss"]) == 0
    assert len(server.views) == 2
    view = saved(server, "project-view")
    assert {view["id"]: view["name"]} == before
    (runs,) = view["spec"]["section"]["runSets"]
    names = [key["name"] for key in runs["grouping"]]
    assert names == ["model.value.mixer.name", "optim.value.lr"]
    assert runs["sort"]["keys"][0]["ascending"]


def test_what_was_deleted_in_w_and_b_is_made_anew(server, logged):
    assert main([str(logged), FLAG]) == 0
    server.views.clear()
    assert main([str(logged), FLAG]) == 0
    assert len(server.views) == 2


def test_where_much_varies_a_variant_is_the_group_of_its_record(server, logged, make_run):
    for number in range(4):
        changes = {"optim.lr": 0.1 * number, "optim.weight_decay": number, "batch_size": 8 * (number + 1)}
        make_run("lkca", 0, 0.9, config=changes)
    assert main([str(logged), FLAG]) == 0
    (runs,) = saved(server, "project-view")["spec"]["section"]["runSets"]
    assert runs["grouping"] == [{"section": "run", "name": "jobType"}]


def test_a_study_that_w_and_b_does_not_have(server, compared, capsys):
    assert main([str(compared), FLAG]) == 2
    refused = capsys.readouterr().err
    assert "W&B has no runs of digits_compare in us/lkca_exp" in refused
    assert "wandb sync runs/STUDY/*/wandb/offline-*" in refused
    assert not server.views


@pytest.mark.parametrize("fault", ["closed", "hang", "drop", "500"])
def test_a_server_in_trouble_is_answered_within_seconds(server, compared, monkeypatch, capsys, fault):
    server.fault = fault
    if fault == "closed":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    begin = time.monotonic()
    assert main([str(compared), FLAG]) == 2
    assert time.monotonic() - begin < wandb_client.SECONDS_TO_ANSWER + 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("report: W&B does not answer (")
    assert "nothing was sent" in line


def test_without_a_key(compared, monkeypatch, capsys):
    wandb.teardown()
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    assert main([str(compared), FLAG]) == 2
    assert "needs W&B online, and it is offline; `wandb login`" in capsys.readouterr().err


def test_without_the_package(compared, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main([str(compared), FLAG]) == 2
    assert 'pip install "lkca-exp[workspaces]"' in capsys.readouterr().err


def test_a_choice_of_runs_is_refused(compared, capsys):
    with pytest.raises(SystemExit):
        main([str(compared), FLAG, "--where", "seed=0"])
    assert "the view in W&B has all runs of a study" in capsys.readouterr().err

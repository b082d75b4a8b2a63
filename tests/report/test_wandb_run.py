"""The comparison in W&B, read back from the file that an offline run leaves."""

from __future__ import annotations

import json
import os
import time

import pytest
import wandb
from rich.console import Console

from lkca_exp.cli.report import main
from lkca_exp.report import wandb_run
from lkca_exp.report.build import report
from lkca_exp.runs import wandb_client
from tests.training.wandb_files import history, only, stored, summary


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")


def test_tables_figures_and_page_go_to_the_project_of_the_runs(make_run, compared, capsys):
    make_run("lkca", 3, 0.98, config={"logger.project": "vision", "logger.entity": None})
    report([compared], Console(width=200), to_wandb=True)
    assert "W&B: offline; `wandb sync" in capsys.readouterr().out
    folder = compared / "report" / "wandb"
    records = stored(folder)
    described = only(records, "run")
    assert described["display_name"] == "report digits_compare"
    assert (described["project"], described["job_type"], described["run_group"]) == (
        "vision",
        "analysis",
        "digits_compare",
    )
    (row,) = history(records)
    kinds = {name.removesuffix("._type"): kind for name, kind in row.items() if name.endswith("._type")}
    tables = {name for name, kind in kinds.items() if kind == "table-file"}
    assert tables == {"tables/table", "tables/variants", "tables/runs"}
    drawn = {name for name, kind in kinds.items() if kind == "html-file"}
    assert drawn >= {"figures/seeds", "figures/curve-train-loss", "figures/cost-parameters", "page"}
    (path,) = folder.rglob("variants_*.table.json")
    found = json.loads(path.read_text())
    assert found["columns"][:2] == ["variant", "data"]
    assert [line[0] for line in found["data"]] == ["lkca", "attention"]
    entries = summary(records)
    assert (entries["digits/best"], entries["digits/baseline"]) == ("lkca", "attention")
    assert entries["answer"].startswith("lkca is ")


def test_without_w_and_b_the_report_is_there_all_the_same(compared, monkeypatch, capsys):
    def init(**_):
        raise wandb.errors.CommError("no route to host\nfor long")

    monkeypatch.setattr(wandb, "init", init)
    assert main([str(compared), "--wandb"]) == 2
    assert capsys.readouterr().err == "report: W&B: no route to host\n"
    assert (compared / "report" / "index.html").exists()


def test_online_it_arrives(server, compared, capsys):
    assert main([str(compared), "--wandb"]) == 0
    (arrived,) = server.runs.values()
    assert f"W&B: {server.url}/us/lkca_exp/runs/{arrived.name}" in capsys.readouterr().out
    assert (arrived.upserted["jobType"], arrived.exit_codes) == ("analysis", [0])
    assert {"tables/variants", "figures/seeds", "page"} <= arrived.history[0].keys()
    assert arrived.summary["answer"].startswith("lkca is ")


@pytest.mark.parametrize("fault", ["closed", "hang", "drop", "500"])
def test_a_server_in_trouble_is_answered_within_seconds(server, compared, monkeypatch, capsys, fault):
    server.fault = fault
    if fault == "closed":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    begin = time.monotonic()
    assert main([str(compared), "--wandb"]) == 2
    wandb.teardown()  # waits for W&B's own process
    assert time.monotonic() - begin < wandb_client.SECONDS_TO_ANSWER + 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("report: W&B does not answer (")
    assert "nothing was sent; `WANDB_MODE=offline`" in line
    assert not (compared / "report" / "wandb").exists()
    assert (compared / "report" / "index.html").exists()


def test_a_server_that_fails_while_it_is_sent(server, compared, monkeypatch, capsys):
    monkeypatch.setattr(wandb_run, "SECONDS_TO_UPLOAD", 1)
    log = wandb.Run.log

    def then_hang(*arguments, **options):
        log(*arguments, **options)
        server.fault = "hang"

    monkeypatch.setattr(wandb.Run, "log", then_hang)
    assert main([str(compared), "--wandb"]) == 2
    (folder,) = (compared / "report" / "wandb").glob("run-*")
    assert f"within 1 s; `wandb sync --no-skip-online {folder}` uploads it" in capsys.readouterr().err


def test_w_and_b_sends_no_reports_about_itself(compared, monkeypatch):
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    assert main([str(compared), "--wandb"]) == 0
    assert os.environ.pop("WANDB_ERROR_REPORTING") == "false"

"""The comparison in W&B, read back from the file that an offline run leaves."""

from __future__ import annotations

import json

import pytest
import wandb
from rich.console import Console

from lkca_exp.cli.report import main
from lkca_exp.report.build import report
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
    assert entries["answer"].startswith("lkca is 2.92 points above attention")


def test_without_w_and_b_the_report_is_there_all_the_same(compared, monkeypatch, capsys):
    def init(**_):
        raise wandb.errors.CommError("no route to host\nfor long")

    monkeypatch.setattr(wandb, "init", init)
    assert main([str(compared), "--wandb"]) == 2
    assert capsys.readouterr().err == "report: W&B: no route to host\n"
    assert (compared / "report" / "index.html").exists()

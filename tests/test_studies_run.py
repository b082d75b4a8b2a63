"""The studies with real results here run as their READMEs say: on digits, from `make study` to the folder it writes."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lkca_exp.report.tables.files import escape_markdown
from lkca_exp.study.document import parts
from tests.conftest import environment

CHECKOUT = Path(__file__).parents[1]
VARIANTS = {
    "kernel_size": 9,  # two operators with K = 3, 5, 7 on 4 x 4 tokens, attention, identity and pooling
    "views_equal": 4,
    "data_fraction": 3,
    "kernel_sharing": 13,
    "local_global": 3,
    "tuned": 3,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_study_runs_on_digits(name: str, tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "experiments", tmp_path / "experiments")
    words = ["ARGS=data=digits trainer.progress_bar=false", *["ANALYSE=1"] * (name == "local_global")]
    command = ["make", "-f", CHECKOUT / "Makefile", "-o", "install", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(
        [*command, "study", f"NAME={name}", *words],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    home = tmp_path / "experiments" / name / "digits"
    written = parts((home / "README.md").read_text())
    ran = re.search(r"(\d+) of (\d+) runs finished", written["runs"])
    results = list(csv.DictReader((home / "results.csv").open()))
    assert ran
    assert int(ran[1]) == int(ran[2]) == len(results)
    assert all(row["data"].startswith("digits") for row in results)
    compared = [row for row in results if row["study"] == name]
    variants = {row["variant"] for row in compared}
    assert len(variants) == VARIANTS[name]
    assert all(0.1 < float(row["top1_percent"]) <= 100 for row in compared)
    assert all(row["top1_percent"] == "" for row in results if row not in compared)  # trials are not compared by test
    table = (home / "table.md").read_text()
    assert all(escape_markdown(variant.split()[0]) in table for variant in variants)
    assert [*(home / "figures").glob("*.svg")]

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from rich.console import Console

from lkca_exp.report.build import markdown
from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.variant import Summary
from lkca_exp.report.content import gather
from lkca_exp.report.read.load import load
from lkca_exp.report.tables.column import Table
from lkca_exp.report.tables.files import (
    csv_table,
    escape_latex,
    escape_markdown,
    json_table,
    latex_table,
    markdown_table,
)
from lkca_exp.report.tables.matrix import matrix
from lkca_exp.report.tables.runs import run_table
from lkca_exp.report.tables.terminal import terminal_table
from lkca_exp.report.tables.variants import variant_table
from lkca_exp.runs.record import Failure

DIFFERENCE = "vs attention, points (95 % CI)"


def summary_of(*studies) -> Summary:
    return summarise(*load(studies))


def table_of(summary: Summary) -> list[dict[str, str]]:
    return shown(variant_table(summary))


def shown(table: Table) -> list[dict[str, str]]:
    columns, rows = table.shown()
    titles = [column.title for column in columns]
    return [dict(zip(titles, [cell.text for cell in row], strict=True)) for row in rows]


def printed(summary: Summary, width: int) -> tuple[str, int]:
    out = io.StringIO()
    table, num_left_out = terminal_table(variant_table(summary), width)
    Console(width=width, file=out, color_system=None).print(table)
    return out.getvalue(), num_left_out


def test_what_readers_see(compared):
    lkca, attention = table_of(summary_of(compared))
    assert lkca["Top-1 %"] == "98.33 ± 0.58"
    assert lkca["95 % CI"] == "96.90 to 99.77"
    assert lkca[DIFFERENCE] == "+3.00* (+1.69 to +4.31)"
    assert (lkca["p (Holm)"], lkca["Method"], lkca["n"]) == ("0.003", "Welch t", "3")
    assert (lkca["Parameters"], lkca["MFLOPs"], lkca["Train images/s"]) == ("93,322", "1.23", "4,000")
    assert (attention[DIFFERENCE], attention["Method"]) == ("baseline", "")


def test_columns_without_content_are_left_out(make_run, compared):
    assert (
        not {"Top-5 %", "Calibration error %", "Data", "Protocol", "Not counted"}
        & table_of(summary_of(compared))[0].keys()
    )
    make_run(
        "lkca", 3, metrics={"test/top1": 0.98, "test/top5": 0.999, "test/calibration_error": 0.05}, status="finished"
    )
    lkca, attention = table_of(summary_of(compared))
    assert (lkca["Top-5 %"], lkca["Calibration error %"]) == ("99.90", "5.00")
    assert attention["Top-5 %"] == ""


def test_runs_outside_the_means_are_counted(make_run, compared):
    make_run("lkca", 3, None, status="failed")
    make_run("lkca", 4, None, status="running")
    make_run("lkca", 5, None, status="running")
    lkca, attention = table_of(summary_of(compared))
    assert lkca["Not counted"] == "1 failed, 2 running"
    assert attention["Not counted"] == "3 seeds missing"


def test_selected_on_test_is_stamped_on_every_number(make_run, runs):
    metrics = {"test/top5": 0.999, "test/calibration_error": 0.05}
    for seed, top1 in enumerate([0.95, 0.97]):
        for mixer in ("lkca", "attention"):
            record = {"selected_on": "test", "metrics": metrics | {"test/top1": top1 + 0.01 * seed * (mixer == "lkca")}}
            make_run(mixer, seed, protocol="best_on_test", **record)
    summary = summary_of(runs / "digits_compare")
    lkca = table_of(summary)[0]
    for title in ("Top-1 %", DIFFERENCE, "Top-5 %", "Calibration error %"):
        assert lkca[title].endswith("(selected on test)"), title
    assert "selected on test" in markdown_table(variant_table(summary))
    (first, *_) = csv.DictReader(io.StringIO(csv_table(run_table(summary))))
    assert first["selected_on"] == "test"


def test_an_accuracy_interval_stays_below_a_hundred_percent(make_run, runs):
    for seed, top1 in enumerate([0.99, 1.0]):
        make_run("lkca", seed, top1)
    assert table_of(summary_of(runs / "digits_compare"))[0]["95 % CI"] == "93.15 to 100.00"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_terminal_table_fits(compared, width):
    text, num_left_out = printed(summary_of(compared), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "98.33" in text
    assert any(line.startswith("lkca ") for line in text.splitlines())
    assert (num_left_out > 0) == (width < 170)


def test_sixty_characters_keep_the_difference(compared):
    text, _ = printed(summary_of(compared), 60)
    assert "+3.00" in text
    assert "baseline" in text


def test_a_long_name_is_folded_not_cut(make_run, runs):
    name = "a" * 40
    make_run(name, label="long")
    text, _ = printed(summary_of(runs / "digits_compare"), 60)
    assert text.count("a") >= 40
    assert "98.00" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 60


def test_terminal_codes_and_markup_in_a_name_are_text(make_run, runs):
    make_run("[bold]x\x1b[31m\n", label="odd")
    text, _ = printed(summary_of(runs / "digits_compare"), 100)
    assert "[bold]x" in text
    assert "\x1b" not in text


def test_markdown_escapes_what_would_break_the_table(make_run, runs):
    make_run("a|b <b>*x*</b>\nend", label="odd")
    summary = summary_of(runs / "digits_compare")
    header, rule, row = markdown_table(variant_table(summary)).splitlines()
    assert row.startswith("| a\\|b &lt;b&gt;\\*x\\*&lt;/b&gt; end |")
    assert header.count("|") == rule.count("|") == row.count("|") - 1


def test_csv_holds_plain_numbers(compared):
    summary = summary_of(compared)
    lkca, attention = csv.DictReader(io.StringIO(csv_table(variant_table(summary))))
    assert lkca["variant"] == "lkca"
    assert float(lkca["top1_percent"]) == pytest.approx(98.3333333333)
    assert float(lkca["difference_points"]) == pytest.approx(3)
    assert float(lkca["difference_ci95_low_points"]) == pytest.approx(1.6912, abs=1e-3)
    assert (lkca["parameters"], lkca["n"], lkca["runs"], lkca["protocol"]) == ("93322", "3", "3", "final")
    assert attention["difference_points"] == ""
    assert not {"top5_percent", "selected_on"} & lkca.keys()


def test_json_holds_what_csv_holds(compared):
    summary = summary_of(compared)
    lkca, attention = json.loads(json_table(variant_table(summary)))
    assert (lkca["variant"], lkca["parameters"], lkca["n"]) == ("lkca", 93322, 3)
    assert lkca["top1_percent"] == pytest.approx(98.3333333333)
    assert attention["difference_points"] is None


def test_latex_is_a_booktabs_table(compared):
    text = latex_table(variant_table(summary_of(compared)))
    lines = text.splitlines()
    assert lines[:2] == [r"\begin{tabular}{lrrrrrlrrrrrr}", r"\toprule"]
    assert lines[2].startswith(r"Variant & n & Top-1 \% & 95 \% CI &")
    assert lines[4].startswith(r"lkca & 3 & \textbf{98.33 $\pm$ 0.58} & 96.90 to 99.77 &")
    assert lines[5].startswith(r"attention & 3 & 95.33 $\pm$ 0.58 &")
    assert lines[6:8] == [r"\bottomrule", r"\end{tabular}"]
    assert lines[8].startswith("% Detectable: the smallest true difference in points")
    assert {line.count(" & ") for line in lines if line.endswith(r"\\")} == {12}


def test_nothing_in_a_name_is_a_latex_command():
    assert escape_latex("a_b & 5% {x} $\\input ^~#\n") == (
        r"a\_b \& 5\% \{x\} \$\textbackslash{}input \textasciicircum{}\textasciitilde{}\# "
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_name_is_no_formula_of_a_spreadsheet(make_run, runs, start):
    """In rows and in heads of columns; numbers below zero stay numbers."""
    study = f"{start}study".strip() or "study"
    name = f"{start}HYPERLINK(1)"
    make_run("attention", 0, 0.9, study=study, config={"data.name": name})
    make_run(name, 0, 0.8, study=study, label=name, config={"data.name": name})
    summary = summary_of(runs / study)
    others = matrix(summary, Choice(), [])
    for table in (variant_table(summary), run_table(summary), others):
        for row in csv.reader(io.StringIO(csv_table(table))):
            assert not [cell for cell in row if cell.startswith(start) and not is_number(cell)]
    rows = list(csv.DictReader(io.StringIO(csv_table(variant_table(summary)))))
    assert sorted(row["variant"] for row in rows) == sorted(["attention", f"'{name}".replace("\r", "\n")])
    assert min(float(row["difference_points"] or 0) for row in rows) == pytest.approx(-10)
    assert {row["variant"] for row in json.loads(json_table(variant_table(summary)))} == {"attention", name}


def is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# x", "\\# x"),
        ("## x", "\\## x"),
        ("#", "\\#"),
        ("- x", "\\- x"),
        ("---", "\\---"),
        ("+ x", "\\+ x"),
        ("12. x", "12\\. x"),
        ("1) x", "1\\) x"),
        ("    x", "x"),
        ("~~x~~ $y$", "\\~\\~x\\~\\~ \\$y\\$"),
        ("![x](y)", "!\\[x\\](y)"),
        ("> x", "&gt; x"),
        ("-1.20 to +3.00", "-1.20 to +3.00"),
        ("1.5 x", "1.5 x"),
        ("#1f", "#1f"),
    ],
)
def test_markdown_in_a_name_is_text(text, escaped):
    assert escape_markdown(text) == escaped


def test_the_answer_in_markdown_holds_no_markdown_of_names(make_run, runs):
    make_run("# lkca", study="# study", label="# label", config={"data.name": "`~$*_[x](y)"})
    (make_run("other", study="# study", label="# bad") / "run.json").write_text("{")
    paragraphs = markdown(gather([runs / "# study"], Choice(), [])).split("\n\n")
    assert paragraphs[0].startswith("\\# lkca reaches")
    assert "on \\`\\~\\$\\*\\_\\[x\\](y)" in paragraphs[0]
    assert not [text for text in paragraphs if text.startswith("#")]


@pytest.mark.parametrize("name", ["[5cm] x", "* x"])
def test_a_name_is_no_option_of_the_rule_above_it_in_latex(make_run, runs, name):
    make_run(name, label="odd")
    lines = latex_table(variant_table(summary_of(runs / "digits_compare"))).splitlines()
    assert lines[4].startswith("{}" + name)


def test_a_minus_is_one_in_latex_and_a_hyphen_stays():
    assert escape_latex("-1.20 to +3.00, CCT-7") == "$-$1.20 to +3.00, CCT-7"


def test_the_best_mean_stands_out_in_every_form(compared):
    table = variant_table(summary_of(compared))
    assert "| **98.33 ± 0.58** |" in markdown_table(table)
    assert "**95.33" not in markdown_table(table)
    assert "*98.33" not in csv_table(table)


def test_one_variant_alone_is_not_the_best(make_run, runs):
    make_run("lkca")
    assert "**" not in markdown_table(variant_table(summary_of(runs / "digits_compare")))


def test_only_the_keys_that_differ_have_a_column(make_run, runs):
    make_run("attention", config={"optim.lr": 0.1})
    make_run("lkca", config={"optim.lr": 0.2, "model.mixer.kernel_size": 3})
    make_run("lkca", config={"optim.lr": 0.2})
    rows = shown(run_table(summary_of(runs / "digits_compare")))
    values = {(row["optim.lr"], row["model.mixer.kernel_size"]) for row in rows}
    assert values == {("0.1", ""), ("0.2", "3"), ("0.2", "7")}
    assert "epochs" not in rows[0]


def test_a_run_tells_its_machine(compared):
    assert shown(run_table(summary_of(compared)))[0]["Machine"] == "here: AMD EPYC, 2 threads"


def test_csv_has_one_row_a_run(make_run, compared):
    make_run("lkca", 3, None, status="failed", error=Failure("ValueError", 'a, "b"\nc', ""))
    summary = summary_of(compared)
    rows = list(csv.DictReader(io.StringIO(csv_table(run_table(summary)))))
    assert len(rows) == 7
    (failed,) = [row for row in rows if row["status"] == "failed"]
    assert failed["remarks"].startswith('ValueError: a, "b"\nc')
    assert (failed["top1_percent"], failed["counted"], failed["seed"]) == ("", "False", "3")
    assert rows[0]["commit"] == "0123456789abcdef"


def test_no_rows_make_no_error():
    assert csv_table(Table([], [])) == "\n"
    assert terminal_table(Table([], []), 80)[1] == 0

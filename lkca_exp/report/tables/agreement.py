"""One row a pair of models: on which test images they agree, and McNemar's test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lkca_exp.report import formats
from lkca_exp.report.compare.agreement import FEWEST_SEEDS, Agreement
from lkca_exp.report.tables.column import Column, Table, number, words
from lkca_exp.report.tables.variants import stamped


def agreement_table(found: Sequence[Agreement]) -> Table[Agreement]:
    columns = [
        words("Model", "variant", lambda a: a.variant.name),
        words("beside", "baseline", lambda a: a.baseline.name),
        number("Test images", "test_images", lambda a: a.num_images, formats.thousands),
        number("n", "n", lambda a: a.num_seeds, str),
        _share("Both right %", "both_right_percent", lambda a: a.both_right),
        _share("Only model right %", "only_variant_percent", lambda a: a.only_variant),
        _share("Only baseline right %", "only_baseline_percent", lambda a: a.only_baseline),
        _share("Both wrong %", "both_wrong_percent", lambda a: a.both_wrong),
        Column("p (Holm)", _p_value, {"p_holm": lambda a: a.p_holm}),
    ]
    return Table(columns, found)


def _p_value(agreement: Agreement) -> str:
    if agreement.p_holm is None:
        return f"needs {FEWEST_SEEDS} seeds"
    return formats.p_value(agreement.p_holm)


def _share(title: str, name: str, count: Callable[[Agreement], float]) -> Column[Agreement]:
    def text(agreement: Agreement) -> str:
        share = f"{100 * count(agreement) / agreement.num_images:.2f}"
        return stamped(share, agreement.variant.metric.stamp(agreement.variant.selected_on))

    return Column(title, text, {name: lambda a: round(100 * count(a) / a.num_images, 10)})

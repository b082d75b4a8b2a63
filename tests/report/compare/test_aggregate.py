from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.answer import answer
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.statistics import Estimate
from lkca_exp.report.compare.variant import Comparison, Summary, Variant
from lkca_exp.report.read.load import load
from lkca_exp.runs.record import Timings
from lkca_exp.runs.sweeps import Sweep, note_sweep


def summary_of(*studies: Path, baseline: str | None = None) -> Summary:
    return summarise(*load(studies), Choice(baseline=baseline))


def comparison(variant: Variant) -> Comparison:
    assert variant.comparison is not None
    return variant.comparison


def top1(variant: Variant) -> Estimate:
    found = variant.score
    assert found is not None
    return found


def baseline_of(summary: Summary) -> str:
    (setting,) = summary.settings
    assert setting.baseline is not None
    return setting.baseline.name


def names(summary: Summary) -> list[str]:
    return [variant.name for variant in summary.variants]


def test_two_variants_are_compared_with_attention(compared):
    (setting,) = summary_of(compared).settings
    lkca, attention = setting.variants
    assert (lkca.name, attention.name, setting.name) == ("lkca", "attention", "digits")
    assert setting.baseline is attention
    assert top1(lkca).mean == pytest.approx((0.98 + 0.98 + 0.99) / 3)
    reference = stats.ttest_ind([0.98, 0.98, 0.99], [0.96, 0.95, 0.95], equal_var=False)
    assert comparison(lkca).difference.value == pytest.approx(0.03)
    assert comparison(lkca).p_holm == pytest.approx(reference.pvalue)
    assert comparison(lkca).is_significant
    assert attention.comparison is None


def test_only_finished_runs_enter_means(make_run, compared):
    make_run("lkca", 3, 0.10, status="failed")
    make_run("lkca", 4, 0.10, status="interrupted")
    make_run("lkca", 5, 0.10, status="running")
    lkca, attention = summary_of(compared).variants
    assert [run.seed for run in lkca.counted] == [0, 1, 2]
    assert top1(lkca).mean == pytest.approx(0.98333333)
    assert len(lkca.runs) == 6
    assert attention.num_missing == 3


def test_no_finished_run(make_run, runs):
    make_run("lkca", 0, None, status="failed")
    make_run("attention", 0, None, status="running")
    summary = summary_of(runs / "digits_compare")
    assert [variant.score for variant in summary.variants] == [None, None]
    assert all(variant.comparison is None for variant in summary.variants)


def test_one_run_selected_on_test_stamps_the_variant(make_run, runs):
    make_run("lkca", 0, selected_on=None)
    make_run("lkca", 1, selected_on="validation")
    (variant,) = summary_of(runs / "digits_compare").variants
    assert variant.selected_on == "validation"
    make_run("lkca", 2, selected_on="test")
    (variant,) = summary_of(runs / "digits_compare").variants
    assert variant.selected_on == "test"


def test_finished_without_an_accuracy_is_left_out(make_run, compared):
    folder = make_run("lkca", 3, None)
    summary = summary_of(compared)
    assert len(summary.variants[0].counted) == 3
    assert [damaged.folder.name for damaged in summary.left_out] == [folder.name]


def test_different_seeds_are_not_paired(make_run, runs):
    for seed in (0, 1):
        make_run("attention", seed, 0.95 + 0.01 * seed)
        make_run("lkca", seed + 10, 0.98 + 0.005 * seed)
    lkca, _ = summary_of(runs / "digits_compare").variants
    assert comparison(lkca).difference.method == "Welch t"
    assert lkca.num_missing == 2


def paired_comparison(*studies) -> tuple[Variant, Summary]:
    summary = summarise(*load(studies), Choice(paired=True))
    return next(variant for variant in summary.variants if variant.name == "lkca"), summary


def test_seeds_are_paired_on_request(compared):
    lkca, _ = paired_comparison(compared)
    reference = stats.ttest_rel([0.98, 0.98, 0.99], [0.96, 0.95, 0.95])
    assert comparison(lkca).difference.method == "paired t"
    assert comparison(lkca).p_holm == pytest.approx(reference.pvalue)


def test_partly_shared_seeds_are_all_used_and_pairs_refused_where_there_are_none(make_run, compared):
    make_run("lkca", 3, 0.5)
    with pytest.raises(ValueError, match=r"--paired: no variant has .* the same ones as its baseline"):
        paired_comparison(compared)
    for seed in range(3):
        make_run("pooling", seed, 0.9 + 0.01 * seed)
    lkca, summary = paired_comparison(compared)
    assert comparison(lkca).difference.method == "Welch t"
    assert comparison(lkca).difference.value == pytest.approx((0.98 + 0.98 + 0.99 + 0.5) / 4 - (0.96 + 0.95 + 0.95) / 3)
    assert any("for not all seeds are shared: lkca." in sentence for sentence in answer(summary))


def test_one_seed_gives_no_interval(make_run, runs):
    make_run("attention", 0, 0.95)
    make_run("lkca", 0, 0.98)
    lkca, _ = summary_of(runs / "digits_compare").variants
    assert top1(lkca).low is None
    assert (comparison(lkca).difference.low, comparison(lkca).p_holm, comparison(lkca).is_significant) == (
        None,
        None,
        False,
    )


def test_the_same_seed_twice_counts_once_the_later_run(make_run, runs, compared):
    late = Timings("2026-02-01T00:00:00Z", "2026-02-01T00:01:00Z", 60)
    make_run("lkca", 0, 0.50, study="again", timings=late)
    summary = summary_of(runs / "again", compared)
    lkca = summary.variants[1]
    assert (lkca.name, lkca.by_seed[0], len(lkca.counted)) == ("lkca", 0.50, 3)
    assert any("more than once" in note for note in summary.notes)


def test_many_comparisons_are_corrected(make_run, runs):
    """Each of the two variants alone is told apart (p = 0.03 to 0.05), the pair of them is not."""
    for seed, noise in enumerate([0.001, 0.009, 0.014]):
        make_run("attention", seed, 0.90)
        make_run("lkca", seed, 0.90 + 0.012 + noise, config={"model.mixer.kernel_size": 3})
        make_run("lkca", seed, 0.90 + 0.011 + noise, config={"model.mixer.kernel_size": 5})
    summary = summary_of(runs / "digits_compare")
    compared = [variant.comparison for variant in summary.variants if variant.comparison]
    alone = [one.difference.p or 0.0 for one in compared]
    assert [0.03 < p < 0.05 for p in alone] == [True, True]
    assert [one.p_holm for one in compared] == pytest.approx([2 * min(alone)] * 2)
    assert [one.is_significant for one in compared] == [False, False]


def test_debug_runs_are_no_results(make_run, compared):
    before = answer(summary_of(compared))
    make_run("lkca", 3, 0.1, config={"trainer.fast_run": True})
    make_run("lkca", 4, 0.1, config={"trainer.overfit_batches": 1})
    summary = summary_of(compared)
    assert names(summary) == ["lkca", "attention"]
    assert [len(variant.runs) for variant in summary.variants] == [3, 3]
    told = "2 debug runs (trainer=debug or debug_overfit) left out: of a few batches, and no result."
    assert answer(summary) == [*before, told]


@pytest.mark.parametrize(
    "change", [{"data.name": "fashion_mnist"}, {"data.fraction": 0.2}, {"data.subset_seed": 1}, {"protocol.name": "x"}]
)
def test_other_data_or_protocol_is_never_compared(make_run, compared, change):
    for seed in range(3):
        make_run("lkca", seed, 0.5, config=change)
    summary = summary_of(compared)
    alone, setting = sorted(summary.settings, key=lambda setting: len(setting.variants))
    assert [variant.comparison for variant in alone.variants] == [None]
    assert [len(variant.counted) for variant in setting.variants] == [3, 3]
    assert setting.name != alone.name


def test_other_numerics_are_never_compared(make_run, runs):
    make_run("attention", 0, 0.9, numerics=1)
    make_run("lkca", 0, 0.9, numerics=2)
    assert [setting.name for setting in summary_of(runs / "digits_compare").settings] == [
        "digits, numerics=1",
        "digits, numerics=2",
    ]


def test_the_root_of_the_data_is_no_difference(make_run, runs):
    make_run("attention", 0, 0.9)
    make_run("lkca", 0, 0.9, config={"data.root": "/elsewhere"})
    assert len(summary_of(runs / "digits_compare").settings) == 1


def test_two_studies_are_compared_with_one_another(make_run, runs):
    for seed in range(2):
        make_run("attention", seed, 0.95, study="one")
        make_run("lkca", seed, 0.98 + 0.001 * seed, study="two")
    summary = summary_of(runs / "one", runs / "two")
    assert summary.studies == ("one", "two")
    assert names(summary) == ["lkca", "attention"]
    assert comparison(summary.variants[0]).difference.method == "Welch t"


def test_the_baseline_can_be_chosen_by_variant_or_label(make_run, compared):
    make_run("lkca", 0, 0.99, config={"model.mixer.kernel_size": 3}, label="small-kernel")
    for wanted in ("lkca kernel_size=3", "small-kernel"):
        assert baseline_of(summary_of(compared, baseline=wanted)) == "lkca kernel_size=3"
    with pytest.raises(ValueError, match=r"'latin'.*attention, lkca kernel_size=3, lkca kernel_size=7"):
        summary_of(compared, baseline="latin")


def test_the_only_attention_is_the_baseline_whatever_it_reaches(make_run, runs):
    make_run("lkca", 0, 0.9)
    make_run("attention", 0, 0.8)
    make_run("a-convolution", 0, 0.95)
    assert baseline_of(summary_of(runs / "digits_compare")) == "attention"


def begun(second: int) -> Timings:
    return Timings(f"2026-01-02T03:04:{second:02d}.000+00:00", f"2026-01-02T03:05:{second:02d}.000+00:00", 60)


def test_of_several_attention_variants_the_first_begun_is_the_baseline_and_not_the_best(make_run, runs):
    study = runs / "digits_compare"
    make_run("lkca", 0, 0.9, timings=begun(30))
    for lr, top1, second in [(0.1, 0.85, 20), (0.2, 0.80, 10), (0.3, 0.95, 40)]:
        make_run("attention", 0, top1, config={"optim.lr": lr}, timings=begun(second))
    assert baseline_of(summary_of(study)) == "attention lr=0.2"
    make_run("lkca", 1, 0.9, timings=begun(5))  # first of all is now one without attention
    assert baseline_of(summary_of(study)) == "lkca lr=0.001"


def test_the_order_of_the_sweeps_jobs_counts_more_than_which_run_was_first_to_start(make_run, runs):
    study = runs / "digits_compare"
    names = [
        make_run("attention", 0, 0.8, config={"optim.lr": lr}, timings=begun(9 - n)).name
        for n, lr in enumerate([0.1, 0.2])
    ]
    assert baseline_of(summary_of(study)) == "lr=0.2"
    note_sweep(study, Sweep(tuple(names)))
    assert baseline_of(summary_of(study)) == "lr=0.1"


@pytest.mark.parametrize("words", ["lkca kernel_size=3", "model/mixer=lkca model.mixer.kernel_size=3", "kernel_size=3"])
def test_an_experiment_names_its_baseline(make_run, compared, words):
    for kernel_size in (3, 5):
        make_run("lkca", 0, 0.99, config={"model.mixer.kernel_size": kernel_size, "report.baseline": words})
    assert baseline_of(summary_of(compared)) == "lkca kernel_size=3"
    assert baseline_of(summary_of(compared, baseline="attention")) == "attention"


def test_the_latest_sweep_names_the_baseline_of_runs_that_were_there_before(make_run, compared):
    note_sweep(compared, Sweep((), "lkca"))
    assert baseline_of(summary_of(compared)) == "lkca"
    note_sweep(compared, Sweep(("a",), ""))
    assert baseline_of(summary_of(compared)) == "lkca"
    note_sweep(compared, Sweep(("a",), "lkca kernel_size=3"))
    assert [setting.baseline for setting in summary_of(compared).settings] == [None]
    make_run("lkca", 0, 0.99, config={"model.mixer.kernel_size": 3})
    assert baseline_of(summary_of(compared)) == "lkca kernel_size=3"


def test_a_variant_is_called_the_same_in_every_setting(make_run, runs):
    """Although its kernel varies in one of them only."""
    make_run("lkca", config={"model.mixer.kernel_size": 3})
    make_run("lkca", config={"model.mixer.kernel_size": 5})
    make_run("lkca", config={"model.mixer.kernel_size": 3, "data.fraction": 0.2})
    assert [(v.setting, v.name) for v in summary_of(runs / "digits_compare").variants] == [
        ("digits, fraction=0.2", "kernel_size=3"),
        ("digits", "kernel_size=3"),
        ("digits", "kernel_size=5"),
    ]


def test_settings_come_in_the_order_of_their_amount_of_data(make_run, runs):
    for name, fraction in (("svhn", 0.2), ("digits", 1.0), ("digits", 0.2), ("digits", 0.05)):
        make_run("lkca", config={"data.name": name, "data.fraction": fraction})
    assert [setting.name for setting in summary_of(runs / "digits_compare").settings] == [
        "digits, fraction=0.05",
        "digits, fraction=0.2",
        "digits",
        "svhn, fraction=0.2",
    ]


def test_data_files_differ_by_their_content_and_not_by_their_place(make_run, runs):
    def num_settings() -> int:
        return len(summary_of(runs / "digits_compare").settings)

    make_run("attention", 0, config={"data.archive": None, "data.verify": True})
    make_run("lkca", 0, config={"data.archive": "/mnt/digits.zip", "data.verify": False})
    assert num_settings() == 1
    make_run("lkca", 1, derived={"data_content": "1f" * 32})
    assert num_settings() == 2


def test_lower_is_better_for_a_loss(make_run, runs):
    for seed in range(2):
        make_run("attention", seed, metrics={"test/top1": 0.5, "test/loss": 0.5 + 0.1 * seed})
        make_run("lkca", seed, metrics={"test/top1": 0.5, "test/loss": 0.4 + 0.1 * seed})
    runs_of, left_out = load([runs / "digits_compare"])
    assert names(summarise(runs_of, left_out, Choice(metric="test/loss"))) == ["lkca", "attention"]


def test_an_unknown_metric_is_refused_with_those_that_are_there(compared):
    with pytest.raises(ValueError, match=r"'test/top9'; there are test/loss, test/top1"):
        summarise(*load([compared]), Choice(metric="test/top9"))

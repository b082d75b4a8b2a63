from __future__ import annotations

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.answer import answer, headline, in_brief
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.read.load import load
from lkca_exp.runs.sweeps import Sweep, note_sweep


def answers(*studies) -> list[str]:
    return answer(summarise(*load(studies)))


def test_the_whole_answer(compared):
    assert answers(compared) == [
        "lkca is 3.00 points above attention in top-1 on digits (95 % CI +1.69 to +4.31, n = 3), at 0.93× the "  # noqa: RUF001
        "parameters and 1.60× the training throughput."  # noqa: RUF001
    ]


def test_an_answer_in_brief_counts_and_names_the_best(make_run, compared, runs):
    make_run("attention", 0, 0.9, study="alone")
    make_run("attention", 0, 0.9, study="ahead")
    make_run("lkca", 0, 0.8, study="ahead")
    (first,), (alone,), (ahead,) = (
        summarise(*load([study])).settings for study in (compared, runs / "alone", runs / "ahead")
    )
    assert in_brief(first) == "1 of 1 above, 0 below; best: lkca, +3.00 points (95 % CI +1.69 to +4.31, n = 3)"
    assert in_brief(alone) == "no comparison; attention: 90.00 % top-1"
    assert in_brief(ahead) == "0 of 1 above, 0 below; best: attention, 90.00 % top-1"


def test_below_is_said_as_plainly(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.97)
        make_run("lkca", seed, 0.93 + 0.001 * seed)
    (sentence,) = answers(runs / "digits_compare")
    assert "3.90 points below attention in top-1 on digits (95 % CI -4.15 to -3.65, n = 3)" in sentence


def test_an_interval_over_zero_tells_nothing_apart_and_says_what_would(make_run, runs):
    """Both have a standard deviation of 1 or 0.58 points, so the standard error is 0.667 and Welch has 3.2 degrees of
    freedom. What is detectable and how many seeds it takes is checked in test_statistics."""
    for seed, (attention, lkca) in enumerate([(0.95, 0.97), (0.96, 0.95), (0.95, 0.96)]):
        make_run("attention", seed, attention)
        make_run("lkca", seed, lkca)
    sentence, more = answers(runs / "digits_compare")
    assert sentence.startswith("The runs do not tell lkca from attention in top-1 on digits: +0.67 points (95 % CI")
    assert "above" not in sentence
    assert more == (
        "They could have shown a difference of 2.75 points (80 % power at level 0.05); to show one of 0.67 points "
        "takes 22 more seeds of each."
    )


def test_a_small_difference_takes_more_seeds_than_one_can_plan_with(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.95 + 0.01 * seed)
        make_run("lkca", seed, 0.9501 + 0.01 * seed)
    assert "takes more than 100 seeds of each" in answers(runs / "digits_compare")[1]


def test_equivalence_within_a_stated_margin(make_run, runs):
    """Difference 0.1, standard error 0.082 points, 4 degrees of freedom: t = (0.1 - 1) / 0.082."""
    for seed in range(3):
        make_run("attention", seed, 0.95 + 0.001 * seed)
        make_run("lkca", seed, 0.951 + 0.001 * seed)

    def told(margin: float) -> list[str]:
        return answer(summarise(*load([runs / "digits_compare"]), Choice(margin=margin)))

    sentence, how = told(1.0)
    assert sentence.startswith("lkca and attention are equivalent in top-1 on digits: +0.10 points (95 % CI -0.13")
    assert how == "Equivalent: within ±1 points by two one-sided tests (TOST), p < 0.05."
    assert told(0.2)[0].startswith("The runs do not tell lkca from attention")


def test_one_seed_is_too_few(make_run, runs):
    make_run("attention", 0, 0.95)
    make_run("lkca", 0, 0.98)
    (sentence,) = answers(runs / "digits_compare")
    assert sentence.startswith(
        "lkca differs from attention by +3.00 points in top-1 on digits, without an interval "
        "(needs two seeds of each, n = 1)"
    )


def test_selected_on_test_is_said_with_the_number(make_run, runs):
    for seed in range(2):
        make_run("lkca", seed, 0.98 + 0.001 * seed, protocol="best_on_test", selected_on="test")
        make_run("attention", seed, 0.95 + 0.001 * seed, protocol="best_on_test", selected_on="test")
    (sentence,) = answers(runs / "digits_compare")
    assert "n = 2, selected on test)" in sentence


def test_throughput_is_compared_on_one_machine_only(make_run, compared):
    make_run("lkca", 3, 0.98, device={"accelerator": "cuda", "name": "NVIDIA H100", "count": 1})
    sentence, devices = answers(compared)
    assert "throughput" not in sentence
    assert "n = 4 and 3)" in sentence
    assert devices == "Training throughput is not compared on digits, for the devices differ."


def test_what_has_not_finished_is_said(make_run, compared):
    make_run("lkca", 3, None, status="failed")
    damaged = make_run("lkca", 4)
    (damaged / "run.json").write_text("{")
    assert answers(compared)[-1] == "Of 8 runs these are in no mean: 1 failed, 1 unreadable."


def test_jobs_that_have_not_started_are_counted(make_run, compared):
    """Those running have no epoch yet: each is taken to last as long as the median run, 22.1 s, and six are left."""
    waiting = tuple(f"digits-lkca-s{seed}-00000000" for seed in range(4))
    note_sweep(compared, Sweep(waiting))
    assert gather([compared], Choice(), []).sentences[-1] == "6 of 10 runs finished."
    for seed in (3, 4):
        make_run("lkca", seed, None, status="running", rows=[])
    assert gather([compared], Choice(), []).sentences[-1] == "6 of 12 runs finished, about 1 min 06 s left."


def test_nothing_has_finished(make_run, runs):
    make_run("attention", 0, None, status="running")
    make_run("lkca", 0, None, status="failed")
    sentences = answers(runs / "digits_compare")
    assert "lkca on digits has no finished run with a test top-1 (1 failed)." in sentences[0]
    assert sentences[-1] == "Of 2 runs these are in no mean: 1 failed, 1 running."


def test_one_variant_alone(make_run, runs):
    for seed, top1 in enumerate([0.97, 0.98, 0.99]):
        make_run("lkca", seed, top1)
    assert answers(runs / "digits_compare") == [
        "lkca reaches 98.00 % top-1 on digits (n = 3, 95 % CI 95.52 to 100.00)."
    ]


def test_several_variants_are_counted_and_corrected(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.90)
        for step in range(8):
            make_run(
                "lkca", seed, 0.9 + (step - 2) * 0.01 + 0.0002 * seed, config={"model.mixer.kernel_size": 2 * step + 1}
            )
    assert answers(runs / "digits_compare") == [
        "On digits 5 of 8 variants are above attention and 2 below in top-1; best: lkca kernel_size=15, +5.02 points "
        "(95 % CI +4.97 to +5.07, n = 3).",
        "The best of 9 variants owes something of its lead to chance.",
        "The runs do not tell lkca kernel_size=5 from attention; they could have shown a difference of 0.19 points "
        "(80 % power at level 0.05/8).",
        "Above and below: p < 0.05 after Holm's correction for 8 comparisons.",
    ]


def test_what_the_correction_alone_decides_carries_its_p_value(make_run, runs):
    """One comparison would be significant (p = 0.04), the two of them are not."""
    for seed, noise in enumerate([-0.01, 0.0, 0.01]):
        make_run("attention", seed, 0.90 + noise)
        make_run("lkca", seed, 0.925 + noise, config={"model.mixer.kernel_size": 3})
        make_run("lkca", seed, 0.901 + noise, config={"model.mixer.kernel_size": 5})
    first, *_ = answers(runs / "digits_compare")
    assert "0 of 2 variants are above attention" in first
    assert "p = 0.075 after Holm's correction" in first


@pytest.mark.parametrize("num_variants", [2, 3, 9])
def test_headlines_are_short(make_run, runs, num_variants):
    for seed in range(3):
        make_run("attention", seed, 0.90 + 0.001 * seed)
        for step in range(1, num_variants):
            kernel = {"model.mixer.kernel_size": 2 * step + 1}
            make_run("lkca", seed, 0.9 + 0.01 * step + 0.002 * seed, config=kernel)
    (setting,) = summarise(*load([runs / "digits_compare"])).settings
    assert len(headline(setting).split()) <= 28


def test_a_setting_without_the_baseline_says_so(make_run, compared):
    make_run("lkca", 0, 0.8, config={"data.fraction": 0.2})
    sentences = answer(summarise(*load([compared]), Choice(baseline="attention")))
    assert "On digits, fraction=0.2 there is no variant of the name asked for" in sentences[0]


def test_another_metric_is_told_in_its_own_unit(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, metrics={"test/top1": 0.9, "test/loss": 0.5 + 0.001 * seed})
        make_run("lkca", seed, metrics={"test/top1": 0.9, "test/loss": 0.4 + 0.002 * seed})
    (sentence,) = answer(summarise(*load([runs / "digits_compare"]), Choice(metric="test/loss")))
    assert sentence.startswith("lkca is 0.0990 below attention in loss on digits (95 % CI")

from __future__ import annotations

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.answer import answer
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.read.load import load


def answers(*studies) -> list[str]:
    return answer(summarise(*load(studies)))


def test_the_whole_answer(compared):
    assert answers(compared) == [
        "lkca reaches 98.33 % top-1 on digits (n = 3 seeds), 3.00 points above attention, 95 % confidence interval "
        "+1.69 to +4.31, Welch; 0.93× the parameters, 0.62× the FLOPs, "  # noqa: RUF001
        "1.60× the training throughput, 1.00× the peak memory."  # noqa: RUF001
    ]


def test_below_is_said_as_plainly(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.97)
        make_run("lkca", seed, 0.93 + 0.001 * seed)
    (sentence,) = answers(runs / "digits_compare")
    assert "3.90 points below attention, 95 % confidence interval -4.15 to -3.65" in sentence


def test_an_interval_over_zero_tells_nothing_apart(make_run, runs):
    for seed, (attention, lkca) in enumerate([(0.95, 0.97), (0.96, 0.95), (0.95, 0.96)]):
        make_run("attention", seed, attention)
        make_run("lkca", seed, lkca)
    (sentence,) = answers(runs / "digits_compare")
    assert "The runs do not tell them apart: a difference of +0.67 points" in sentence
    assert "above" not in sentence


def test_one_seed_is_too_few(make_run, runs):
    make_run("attention", 0, 0.95)
    make_run("lkca", 0, 0.98)
    (sentence,) = answers(runs / "digits_compare")
    assert "(n = 1 seed), attention 95.00 % top-1 (n = 1 seed)" in sentence
    assert "The difference of +3.00 points has no interval (needs two seeds of each)" in sentence
    assert "above" not in sentence


def test_the_test_is_named(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.95 + 0.001 * seed)
        make_run("lkca", seed + 5, 0.98 + 0.001 * seed)
    (sentence,) = answers(runs / "digits_compare")
    assert "above attention" in sentence
    assert "Welch" in sentence


def test_selected_on_test_is_said_with_the_number(make_run, runs):
    make_run("lkca", 0, 0.98, protocol="best_on_test", selected_on="test")
    make_run("attention", 0, 0.95, protocol="best_on_test", selected_on="test")
    (sentence,) = answers(runs / "digits_compare")
    assert "98.00 % top-1 (selected on test)" in sentence
    assert "95.00 % top-1 (selected on test)" in sentence


def test_throughput_is_compared_on_one_machine_only(make_run, compared):
    make_run("lkca", 3, 0.98, device={"accelerator": "cuda", "name": "NVIDIA H100", "count": 1})
    assert "training throughput and memory not compared, for the devices differ" in answers(compared)[0]


def test_what_has_not_finished_is_said(make_run, compared):
    make_run("lkca", 3, None, status="failed")
    damaged = make_run("lkca", 4)
    (damaged / "run.json").write_text("{")
    assert answers(compared)[-1] == "Of 8 runs these are in no mean: 1 failed, 1 unreadable."


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
        "lkca reaches 98.00 % top-1 on digits (n = 3 seeds, 95 % confidence interval 95.52 to 100.00)."
    ]


def test_many_variants_are_counted_and_corrected(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, 0.90)
        for step in range(8):
            make_run(
                "lkca", seed, 0.9 + (step - 2) * 0.01 + 0.0002 * seed, config={"model.mixer.kernel_size": 2 * step + 1}
            )
    highest, tally = answers(runs / "digits_compare")
    assert highest.startswith("lkca kernel_size=15 reaches 95.02 % top-1")
    assert "5.02 points above attention" in highest
    assert "Of 8 other variants 5 are above attention and 2 below" in tally
    assert "the remaining 1 from it (95 %, Holm's correction for 8 comparisons)" in tally
    assert "the best of 9 variants, and owes something of that to chance" in highest


def test_a_few_variants_carry_the_corrected_p_value(make_run, compared):
    for seed in range(3):
        make_run("lkca", seed, 0.96 + 0.001 * seed, config={"model.mixer.kernel_size": 3})
    sentences = answers(compared)
    assert len(sentences) == 2
    assert all("after Holm's correction for 2 comparisons" in sentence for sentence in sentences)


def test_a_setting_without_the_baseline_says_so(make_run, compared):
    make_run("lkca", 0, 0.8, config={"data.fraction": 0.2})
    sentences = answer(summarise(*load([compared]), Choice(baseline="attention")))
    assert "On digits, fraction=0.2 there is no variant of the name asked for" in sentences[1]


def test_another_metric_is_told_in_its_own_unit(make_run, runs):
    for seed in range(3):
        make_run("attention", seed, metrics={"test/top1": 0.9, "test/loss": 0.5 + 0.001 * seed})
        make_run("lkca", seed, metrics={"test/top1": 0.9, "test/loss": 0.4 + 0.002 * seed})
    (sentence,) = answer(summarise(*load([runs / "digits_compare"]), Choice(metric="test/loss")))
    assert sentence.startswith("lkca reaches loss 0.4020 on digits (n = 3 seeds), 0.0990 below attention")

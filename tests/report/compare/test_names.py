from __future__ import annotations

import itertools
from dataclasses import asdict

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.names import SAME_VARIANT, in_order, name_settings, name_variants, shown_keys
from lkca_exp.report.read.load import load
from lkca_exp.report.sections.ablation import ablations
from lkca_exp.runs.format import flatten
from lkca_exp.runs.run import Run
from tests.report.conftest import alter


def named(folder) -> set[str]:
    runs, _ = load([folder])
    return set(name_variants({run.group: run for run in runs}, shown_keys([runs])).values())


def of_preset(name: str, mixer: str = "lkca", **keys) -> dict:
    """Keys of a model that a file of conf/model chose."""
    return {"model.preset": name, "model.mixer.name": mixer, **{f"model.{key}": value for key, value in keys.items()}}


def test_only_the_mixer_differs(make_run, runs):
    make_run("attention")
    make_run("lkca")
    assert named(runs / "digits_compare") == {"attention", "lkca"}


def test_a_key_of_one_mixer_shows_on_that_mixer_and_null_as_what_it_came_to(make_run, runs):
    make_run("attention")
    make_run("lkca")
    make_run("lkca", config={"model.mixer.kernel_size": 3})
    assert named(runs / "digits_compare") == {"attention", "lkca kernel_size=7", "lkca kernel_size=3"}


def test_null_and_what_it_came_to_are_one_value(make_run, runs):
    make_run("lkca", config={"model.mixer.kernel_size": 7, "optim.lr": 0.1})
    make_run("lkca", config={"optim.lr": 0.2})
    assert named(runs / "digits_compare") == {"lr=0.1", "lr=0.2"}


def test_what_follows_from_another_key_shows_not(make_run, runs):
    make_run("lkca", config={"model.patch_size": 1}, derived={"patch_size": 1, "kernel_size": 15})
    make_run("lkca", derived={"patch_size": 2, "kernel_size": 7})
    assert named(runs / "digits_compare") == {"patch_size=1", "patch_size=2"}


def test_the_mixer_comes_first(make_run, runs):
    make_run("attention", config={"augment.mirror": True})
    make_run("lkca", config={"augment.mirror": False})
    assert named(runs / "digits_compare") == {"attention mirror=true", "lkca mirror=false"}


def test_one_mixer_with_other_keys(make_run, runs):
    make_run("lkca", config={"optim.lr": 0.01, "optim.name": "sgd"})
    make_run("lkca", config={"optim.lr": 0.001})
    assert named(runs / "digits_compare") == {"sgd lr=0.01", "adamw lr=0.001"}


def test_last_parts_that_meet_are_written_in_full(make_run, runs):
    make_run("lkca", config={"model.size": "s", "augment.size": 1})
    make_run("lkca", config={"model.size": "b", "augment.size": 2})
    assert "augment.size=1 model.size=s" in named(runs / "digits_compare")


def test_a_model_without_a_mixer_has_its_own_name(make_run, runs):
    make_run("lkca", config={"optim.lr": 0.1, "model.name": "vit"})
    folder = make_run("lkca", config={"optim.lr": 0.2, "model.name": "resnet18"}, group="aaaaaa11")
    alter(folder, "config.model.mixer")
    assert named(runs / "digits_compare") == {"lkca lr=0.1", "resnet18 lr=0.2"}


def test_a_single_variant_is_called_after_its_mixer(make_run, runs):
    make_run("lkca")
    assert named(runs / "digits_compare") == {"lkca"}


def test_names_that_would_meet_carry_the_group(make_run, runs):
    make_run("lkca", group="aaaaaa11")
    make_run("lkca", seed=1, group="bbbbbb22")
    assert named(runs / "digits_compare") == {"lkca #aaaaaa", "lkca #bbbbbb"}


def test_numbers_have_three_digits_where_that_tells_them_apart(make_run, runs):
    for lr in (0.0055374233513904155, 0.001, 0.1):
        make_run("lkca", config={"optim.lr": lr})
    assert named(runs / "digits_compare") == {"lr=0.00554", "lr=0.001", "lr=0.1"}
    make_run("lkca", config={"optim.lr": 0.00554123})
    assert named(runs / "digits_compare") == {"lr=0.0055374233513904155", "lr=0.00554123", "lr=0.001", "lr=0.1"}


def test_a_long_name_is_cut_where_it_differs_least(make_run, runs):
    make_run("attention")
    for sharing in ("channel", "head"):
        for projections in (True, False):
            keys = {"model.mixer.sharing": sharing, "model.mixer.projections": projections}
            make_run("lkca_depthwise", config={"optim.weight_decay": 0.3, **keys})
    assert named(runs / "digits_compare") == {
        "attention weight_decay=0.05",
        "lkca_d… sharing=channel projections=true",
        "lkca_… sharing=channel projections=false",
        "lkca_dept… sharing=head projections=true",
        "lkca_dep… sharing=head projections=false",
    }


def test_a_long_name_has_the_first_words_of_its_keys(make_run, runs):
    for mixer, rate, lr, decay in itertools.product(
        ("attention", "lkca_depthwise"), (0.0, 0.1), (0.001, 0.004), (0.01, 0.3)
    ):
        make_run(mixer, config={"model.drop_path": rate, "optim.lr": lr, "optim.weight_decay": decay})
    assert named(runs / "digits_compare") >= {
        "attention drop…=0 lr=0.004 weight…=0.01",
        "attention drop…=0.1 lr=0.001 weight…=0.3",
        "lkca_dept… drop…=0 lr=0.004 weight…=0.01",
        "lkca_depth… drop…=0 lr=0.001 weight…=0.3",
    }


def test_a_long_name_leaves_out_the_keys_that_most_have_alike(make_run, runs):
    keys = ("depth", "sharing_of_kernels", "init_of_kernels", "bias_of_values")
    for changed in ("", *keys):
        config = {f"model.mixer.{key}": 8 if key == changed else 6 for key in keys}
        make_run("lkca_depthwise", config=config)
    assert named(runs / "digits_compare") >= {
        "depth=8 bias_of_values=6",
        "init_of_kernels=8 bias_of_values=6",
        "sharing_of_kernels=8 bias_of_values=6",
    }


def test_names_that_differ_at_their_end_keep_their_end(make_run, runs):
    start = "vit_base_patch16_224_of_a_very_long_name_"
    for end in ("augreg", "mae"):
        make_run(start + end, label="long")
    assert named(runs / "digits_compare") == {"…augreg", "…mae"}


@pytest.mark.parametrize("length", [38, 41, 60, 300])
def test_no_name_is_longer_than_forty_characters_and_all_differ(make_run, runs, length):
    for end in ("a", "b"):
        for lr in (1 / 3, 1 / 3 + 1e-9):
            make_run("x" * length + end + "y" * length, label=f"{end}", config={"optim.lr": lr})
    names = named(runs / "digits_compare")
    assert len(names) == 4
    assert max(map(len, names)) <= 40


def test_keys_outside_the_result_name_nothing(make_run, runs):
    make_run("attention")
    make_run("lkca", config={"trainer.devices": 4, "paths.runs": "/scratch", "logger.name": "wandb", "keep": "all"})
    assert named(runs / "digits_compare") == {"attention", "lkca"}


def test_a_preset_names_its_model(make_run, runs):
    make_run("lkca", config=of_preset("lkca_b", size="b", pooling="mean"))
    make_run("attention", config=of_preset("vit_small", "attention", size="s", pooling="class_token"))
    make_run("lkca", config=of_preset("t2t_s", size="t", pooling="none"))
    assert named(runs / "digits_compare") == {"lkca_b", "vit_small", "t2t_s"}


def test_what_differs_beyond_a_preset_shows_on_it_alone(make_run, runs):
    for size in (3, 7):
        make_run("lkca", config={**of_preset("lkca_b", size="b"), "model.mixer.kernel_size": size})
    for mixer in ("attention", "lkca_depthwise"):
        make_run(mixer, config=of_preset("vit_small", mixer, size="s"))
    make_run("lkca", config={**of_preset("lkca_t", size="t"), "model.mixer.kernel_size": 5})
    assert named(runs / "digits_compare") == {
        "lkca_b kernel_size=3",
        "lkca_b kernel_size=7",
        "vit_small attention",
        "vit_small lkca_depthwise",
        "lkca_t",
    }


def test_what_is_no_part_of_the_model_shows_on_every_preset(make_run, runs):
    make_run("lkca", config={**of_preset("lkca_b"), "optim.lr": 0.1})
    make_run("lkca", config={**of_preset("lkca_b"), "optim.lr": 0.2})
    make_run("lkca", config={**of_preset("lkca_t", size="t"), "optim.lr": 0.2})
    assert named(runs / "digits_compare") == {"lkca_b lr=0.1", "lkca_b lr=0.2", "lkca_t lr=0.2"}


def test_models_without_a_preset_keep_their_names_beside_those_with_one(make_run, runs):
    make_run("attention", config={"model.preset": None})
    make_run("lkca")
    make_run("lkca", config={"model.mixer.kernel_size": 3})
    make_run("lkca", config=of_preset("lkca_b", size="b", pooling="mean", drop_path=0.2))
    assert named(runs / "digits_compare") == {"attention", "lkca kernel_size=7", "lkca kernel_size=3", "lkca_b"}


def test_a_model_without_mixer_and_preset_has_its_own_name_beside_a_preset(make_run, runs):
    make_run("lkca", config=of_preset("lkca_b"))
    folder = make_run("none", config={"model.name": "densenet121"})
    alter(folder, "config.model.mixer")
    assert named(runs / "digits_compare") == {"lkca_b", "densenet121"}


def test_the_same_model_by_its_preset_and_written_out_is_one_variant(make_run, runs):
    make_run("lkca", 0, config={"model.size": "b"}, group="aaaaaa11", label="a")
    make_run("lkca", 1, config=of_preset("lkca_b", size="b"), group="aaaaaa11", label="b")
    make_run("attention", config={"model.size": "b"})
    found = summarise(*load([runs / "digits_compare"])).variants
    assert sorted((variant.name, len(variant.runs)) for variant in found) == [("attention", 1), ("lkca_b", 2)]


def test_lines_along_a_number_are_named_by_the_preset(make_run, runs):
    for size in (3, 7):
        make_run("lkca", config={**of_preset("lkca_b", size="b"), "model.mixer.kernel_size": size})
        make_run("lkca", config={"model.mixer.kernel_size": size})
    (found,) = ablations(summarise(*load([runs / "digits_compare"])))
    assert sorted(line.name for line in found.lines) == ["lkca", "lkca_b"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([{"data.name": "digits", "data.fraction": 1.0}], ["digits"]),
        ([{"data.name": "digits", "data.fraction": 0.05}], ["digits, fraction=0.05"]),
        (
            [{"data.name": "digits", "data.images_per_class": None}, {"data.name": "s", "data.images_per_class": 3}],
            ["digits", "s, images_per_class=3"],
        ),
        (
            [{"data.name": "digits", "protocol.name": "final"}, {"data.name": "svhn", "protocol.name": "holdout"}],
            ["digits, final", "svhn, holdout"],
        ),
        ([{"data.name": "digits", "data.x": 1}, {"data.name": "digits"}, {}], ["digits", "digits #2", "unnamed data"]),
    ],
)
def test_settings(settings, expected):
    assert name_settings(settings) == expected


def test_numbers_in_names_are_sorted_as_numbers():
    names = ["lkca kernel_size=13", "attention", "lkca kernel_size=7", "lkca lr=0.001", "lkca lr=2e-05"]
    assert sorted(names, key=in_order) == [names[1], names[2], names[0], names[4], names[3]]


def test_keys_outside_the_result_are_those_that_the_id_leaves_out(job):
    """Of a run's keys; the seed is in the id and not in the group."""
    job = job()
    keys = set(flatten(asdict(job.config)))
    outside = {key for key in keys if f"{key}.".startswith(SAME_VARIANT)}
    later = {"data.image_size", "data.channels", "data.test_fraction"}  # at their defaults, so not in the id
    assert outside == keys - Run(job.config, job.derived).result_keys.keys() - {"model.size"} - later | {"seed"}
    assert {"study", "trainer.devices", "logger.name", "paths.runs", "data.root"} <= outside

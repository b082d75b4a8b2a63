"""What a run is called."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import pytest

from lkca_exp.config.job import Job, compose
from lkca_exp.config.schema import VitConfig
from lkca_exp.config.schema.key import key
from lkca_exp.runs.run import Run


def name(job, *overrides: str) -> str:
    made = job(*overrides)
    return Run(made.config, made.derived).id


def job_name(*overrides: str) -> str:
    made = compose(overrides)
    return Run(made.config, made.derived).id


VIT_LITE = [
    *("model=vit", "model/mixer=attention_lee2021", "model.size=vit_lite", "model.pooling=class_token"),
    *("model.final_norm=after_pooling", "model.norm_epsilon=1e-5", "model.init=xavier_normal", "model.position_std=1"),
    "model.drop_path_schedule=constant",
]


@pytest.mark.parametrize(
    "override",
    ["study=other", "paths.runs=elsewhere", "data.root=elsewhere", "logger=wandb", "trainer=cpu", "keep=all",
     "force=true", "trainer.progress_bar=true", "trainer=ddp"],
)  # fmt: skip
def test_what_cannot_change_the_result_is_no_part_of_it(job, override):
    assert name(job, override) == name(job)


@pytest.mark.parametrize(
    "override",
    ["seed=1", "epochs=4", "batch_size=32", "precision=bf16", "data=fashion_mnist", "data.fraction=0.5",
     "data.subset_seed=1", "augment=none", "augment=trivial", "augment.cutout_px=2", "augment.repeats=3",
     "augment.passes_per_epoch=3", "augment.mix_probability=0.5", "augment.erase_probability=0.5",
     "model.width=32", "model.mlp_residual=normed", "model.final_norm=after_pooling", "model.norm_epsilon=1e-5",
     "model.drop_path_schedule=constant", "model.init=xavier_normal", "model.position_std=1",
     "model/mixer=lkca_depthwise", "model.mixer.sharing=channel", "model.mixer.init=normal",
     "model.mixer.value_bias=true", "model.mixer.projections=false", "optim.weight_decay_on=all",
     "optim.initial_lr_ratio=0.1", "model/embedding=shifted", "model/embedding=convolution",
     "model.pooling=sequence", "model/mixer=lkca_gated", "model.mixer.kernel_size=5", "model.mixer.view=attention",
     "model/mixer=attention", "optim.lr=0.1", "protocol=final", "protocol.split_seed=1", "trainer=debug",
     "trainer=debug_overfit"],
)  # fmt: skip
def test_what_can_change_the_result_is_part_of_it(job, override):
    assert name(job, override) != name(job)


@pytest.mark.parametrize(
    "override",
    ["model.mixer.kernel_size=7", "model.patch_size=2", "augment.mirror=false", "augment.crop_padding_px=1",
     "optim.warmup_epochs=0.3", "model.mlp_ratio=2"],
)  # fmt: skip
def test_writing_out_what_follows_is_the_same_run(job, override):
    assert name(job, override) == name(job)


def test_devices_count_for_models_that_see_a_share_of_the_batch(job):
    """Batch norms and dropout of other packages do; ours draw for the whole batch."""
    two = ["trainer=ddp", "trainer.devices=2"]
    assert name(job, *two) == name(job)
    foreign = ["data=cifar10", "model=resnet18"]
    assert job_name(*foreign, *two) != job_name(*foreign) == job_name(*foreign, "trainer=ddp", "trainer.devices=1")


def test_a_preset_is_its_values(job):
    preset, written_out = (job(*words) for words in (["model=vit_lite"], VIT_LITE))
    assert Run(preset.config, preset.derived).id == Run(written_out.config, written_out.derived).id
    assert Run(preset.config, preset.derived).name.startswith("digits-vit_lite-attention-")


def test_data_count_by_their_content_and_not_by_their_place(job):
    made = job("data=cifar10", "data.archive=here.tar.gz", "data.verify=false")
    assert Run(made.config, made.derived).id == name(job, "data=cifar10")
    runs = [Run(made.config, replace(made.derived, data_content=content)) for content in (None, "a", "b")]
    assert len({run.id for run in runs}) == len({run.group for run in runs}) == 3


def test_a_size_is_its_values(job):
    values = ["model.width=192", "model.depth=9", "model.mlp_ratio=2", "model.mixer.num_heads=12"]
    attention = "model/mixer=attention"
    assert name(job, attention, *values) == name(job, attention, "model.size=lee2021", *values[:2])


def test_seeds_share_a_group_and_nothing_else_does(job):
    def group_of(*overrides: str) -> str:
        made = job(*overrides)
        return Run(made.config, made.derived).group

    assert group_of("seed=0") == group_of("seed=5")
    assert group_of("optim.lr=0.1") != group_of()


def test_a_directory_can_be_read(job):
    made = compose(["seed=3"])
    assert Run(made.config, made.derived).name == f"digits-lkca-k7-s3-{job_name('seed=3')[:8]}"
    made = compose(["model/mixer=attention"])
    assert Run(made.config, made.derived).name.startswith("digits-attention-s0-")


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        (["model/mixer=pooling"], "digits-pooling-k3"),
        (["model/mixer=identity"], "digits-identity"),
        (["model/mixer=attention", "model/embedding=convolution"], "digits-convolution-attention"),
        (["model=cct_7_3x1"], "digits-cct_7_3x1-attention"),
        (["model=lkca_t"], "digits-lkca_t-lkca-k7"),
        (["model=resnet18"], "digits-resnet18"),
        (["model=timm", "model.name=resnet18"], "digits-timm_resnet18"),
        (
            ["model.mixer.sharing=channel", "model.mixer.value_bias=true"],
            "digits-lkca-k7-sharing_channel-value_bias_true",
        ),
        (
            ["epochs=5", "optim.lr=2e-3", "data.fraction=0.1", "model.depth=4", "model.mixer.init=normal"],
            "digits-lkca-k7-init_normal-depth_4-fraction_0.1-lr_0.002-epochs_5",
        ),
        (["protocol=final", "optim.clip_norm=null"], "digits-lkca-k7-clip_norm_null-final"),
        (["model=lkca_b", "model.drop_path=0"], "digits-lkca_b-lkca-k7-drop_path_0"),
        (["model=deepvit_s", "model.options.depth=3"], "digits-deepvit_s-depth_3"),
    ],
)
def test_a_label_names_what_is_compared(overrides, label):
    made = compose(overrides)
    assert Run(made.config, made.derived).name.startswith(f"{label}-s0-")


@pytest.mark.parametrize(
    "override", ["model.name=resnet34", "model.stem=timm", "model.drop_path=0.1", "+model.options.block_args=null"]
)
def test_what_is_told_to_timm_is_part_of_it(override):
    def plain(*overrides: str) -> Job:
        return compose(overrides)

    assert name(plain, "model=resnet18", override) != name(plain, "model=resnet18")


@dataclass
class WithLaterKey(VitConfig):
    extra: int = key("a key that came when there were results already", 1, later=True)


def test_a_key_that_came_later_is_no_part_of_it_at_its_default(job):
    """So that results from before it keep their names."""
    made = job()
    model = {field.name: getattr(made.config.model, field.name) for field in fields(made.config.model)}
    at_default, changed = (
        Run(replace(made.config, model=WithLaterKey(**model, extra=extra)), made.derived).id for extra in (1, 2)
    )
    assert at_default == Run(made.config, made.derived).id
    assert changed != at_default


def test_the_name_of_the_default_run_is_stable(job):
    """Identities must not move by accident: results that exist would be trained again."""
    assert name(job) == "12d95bf1808c23b3abde0edcc7d66f6eb8e3fe51c6223f162c2eae16f4aa537e"


def test_a_long_label_ends_with_a_whole_word():
    changed = ["model.mixer.sharing=channel", "model.mixer.value_bias=true", "model.width=48", "model.depth=4"]
    made = compose([*changed, "optim.weight_decay=0.1", "optim.lr=2e-3", "epochs=5"])
    label = Run(made.config, made.derived).label
    assert label == "digits-lkca-k7-sharing_channel-value_bias_true-width_48-depth_4-lr_0.002"
    assert len(f"{label}-weight_decay_0.1") > 80


def test_a_folder_under_an_older_label_is_that_of_the_run(job):
    made = job("seed=1")
    new = Run(made.config, made.derived)
    study = new.directory.parent
    older = study / f"older_label-s1-{new.id[:8]}"
    assert Run(made.config, made.derived).directory == study / f"{new.label}-s1-{new.id[:8]}"
    for name in (f"other-s11-{new.id[:8]}", "other-s1-00000000", older.name):
        (study / name).mkdir(parents=True)
    assert Run(made.config, made.derived).directory == older
    new.directory.mkdir()
    assert Run(made.config, made.derived).directory == new.directory

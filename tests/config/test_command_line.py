"""What the command line answers, as a user sees it: in words, in exit status, in what it leaves behind."""

from __future__ import annotations

import re

import pytest

from tests.conftest import TINY

REFUSED = {
    "unknown key": (["optim.lrr=1"], ["optim.lrr=1", "no such key", "optim.lr"]),
    "unknown key, added": (["+new.key=1"], ["new.key=1", "no such key"]),
    "unknown key, forced": (["++optim.momentum=0.9"], ["optim.momentum=0.9", "no such key"]),
    "key of another mixer": (["model/mixer=attention", "model.mixer.kernel_size=3"], ["kernel_size=3", "lkca"]),
    "plus before a known key": (["+optim.lr=1"], ["+optim.lr=1", "Write optim.lr=1"]),
    "key taken out": (["~seed"], ["~seed", "cannot be taken out"]),
    "unknown experiment": (["+experiment=digits_compair"], ["experiment=digits_compair", "digits_compare"]),
    "experiment without plus": (["experiment=digits_compare"], ["Write +experiment=digits_compare"]),
    "unknown option": (["data=cifar"], ["data=cifar", "cifar10 or cifar100"]),
    "no option": (["data=null"], ["data=null", "data takes the name of an option"]),
    "name of an option": (["model.mixer.name=attention"], ["model.mixer.name=attention", "model/mixer=attention"]),
    "no such option's name": (["protocol.name=best"], ["protocol.name=best", "holdout", "best_on_test"]),
    "value for a group": (["model.mixer=lkca"], ["model.mixer=lkca", "model/mixer=lkca"]),
    "wrong type": (["epochs=abc"], ["epochs=abc", "whole number"]),
    "fraction of an integer": (["epochs=1.5"], ["epochs=1.5", "whole number"]),
    "null where none may be": (["data.fraction=null"], ["data.fraction=null", "number"]),
    "unknown choice": (["precision=fp61"], ["precision=fp61", "fp32, bf16", "bf16"]),
    "unresolved": (["optim.lr=${nothing}"], ["optim.lr=${nothing}", "nothing"]),
    "sweep without -m": (["seed=range(3)"], ["seed=range(3)", "Add -m"]),
    "not an override": (["model.mixer.kernel_size=[3"], ["model.mixer.kernel_size=[3", "key=value"]),
    "even kernel": (["model.mixer.kernel_size=4"], ["model.mixer.kernel_size=4", "odd", "3 or 5"]),
    "kernel too large": (["model.mixer.kernel_size=9"], ["model.mixer.kernel_size=9", "4 x 4", "up to 7"]),
    "heads do not divide": (
        ["model/mixer=attention", "model.mixer.num_heads=5"],
        ["model.mixer.num_heads=5", "model.width", "64", "4"],
    ),
    "heads nobody reads": (["model.mixer.num_heads=4"], ["model.mixer.num_heads=4", "sharing=head"]),
    "patch does not tile": (["model.patch_size=3"], ["model.patch_size=3", "8 x 8", "1, 2, 4, 8"]),
    "class token with LKCA": (["model.pooling=class_token"], ["model.pooling=class_token", "mean"]),
    "class token without mixing": (
        ["model/mixer=identity", "model.pooling=class_token"],
        ["model.pooling=class_token", "identity"],
    ),
    "one token that looks away from itself": (
        ["model/mixer=locality_attention", "model.patch_size=8"],
        ["model.patch_size=8", "only one"],
    ),
    "shifted by half a pixel": (
        ["model/embedding=shifted", "model.patch_size=1"],
        ["model.patch_size=1", "half a patch", "at least 2"],
    ),
    "convolutions that do not halve": (
        ["model/embedding=convolution", "data=fashion_mnist", "model.patch_size=7"],
        ["model.patch_size=7", "power of 2"],
    ),
    "even kernel of the tokenizer": (
        ["model/embedding=convolution", "model.embedding.kernel_size=4"],
        ["model.embedding.kernel_size=4", "3 or 5"],
    ),
    "pooling too large": (["model/mixer=pooling", "model.mixer.kernel_size=9"], ["kernel_size=9", "odd side up to 7."]),
    "no name for timm": (["model=timm"], ["model.name=???", "must be given"]),
    "unknown to timm": (["model=timm", "model.name=resnet19"], ["model.name=resnet19", "resnet18"]),
    "timm's name for our model": (["model.name=resnet18"], ["model.name=resnet18", "model=timm model.name=resnet18"]),
    "our name for timm's model": (["model=resnet18", "model.name=vit"], ["model.name=vit", "Choose with model=vit"]),
    "mixer for timm's model": (
        ["model=swin_lee2021", "model/mixer=lkca"],
        ["model/mixer=lkca", "no such part", "model=vit"],
    ),
    "key of a mixer for timm's model": (
        ["model=swin_lee2021", "model.mixer.kernel_size=3"],
        ["model.mixer.kernel_size=3", "only model=vit has this key"],
    ),
    "key of another mixer, added": (
        ["model/mixer=attention", "+model.mixer.kernel_size=3"],
        ["model.mixer.kernel_size=3", "only model/mixer=lkca"],
    ),
    "experiment for another model": (
        ["+experiment=digits_compare", "model=swin_lee2021"],
        ["experiment=digits_compare", "model.width", "only model=vit"],
    ),
    "experiment of a mixer for timm's model": (
        ["+experiment=fashion_mnist_lkca", "model=swin_lee2021"],
        ["experiment=fashion_mnist_lkca", "chooses model/mixer", "model=vit"],
    ),
    "misspelt row": (["model=lkca_d"], ["model=lkca_d", "lkca_b"]),
    "class token with a row": (["model=lkca_b", "model.pooling=class_token"], ["LKCA mixes a grid", "pooling=mean"]),
    "kernel of a row": (["model=lkca_t", "data=cifar10", "model.mixer.kernel_size=17"], ["=17", "null for 15"]),
    "heads of a row": (["model=vit_lite", "model.width=100"], ["num_heads=8", "100", "4, 5, 10"]),
    "bias of no value map": (
        ["model/mixer=lkca_depthwise", "model.mixer.value_bias=true"],
        ["value_bias=true", "no value map", "projections=true"],
    ),
    "misspelt recipe": (["recipe=li2042"], ["recipe=li2042", "li2024"]),
    "patches of timm's model": (["model=swin_lee2021"], ["model.patches_per_side=16", "8 x 8", "1, 2, 4, 8"]),
    "argument of timm's that we give": (
        ["model=resnet18", "+model.options.num_classes=3"],
        ["model.options.num_classes=3", "follows from data"],
    ),
    "no such row": (["model=t2t_x"], ["model=t2t_x", "t2t_t", "t2t_s", "t2t_b"]),
    "no family": (["model=vit_pytorch"], ["model.family=???", "must be given"]),
    "no such family": (["model=rvt_t", "model.family=rvit"], ["model.family=rvit", "cross_vit", "Did you mean"]),
    "arguments that a family needs": (
        ["model=vit_pytorch", "model.family=rvt", "+model.options.dim=64"],
        ["model.family=rvt", "depth, heads, mlp_dim"],
    ),
    "argument of vit-pytorch's that we give": (
        ["model=regionvit_t", "+model.options.window_size=4"],
        ["model.options.window_size=4", "follows from data"],
    ),
    "argument unknown to vit-pytorch": (
        ["model=rvt_t", "+model.options.dpeth=4"],
        ["model.options.dpeth=4", "RvT has no such argument", "depth"],
    ),
    "windows that do not tile": (
        ["model=twins_s", "data=cifar10"],
        ["model.options.s3_local_patch_size=8", "32 x 32 pixels", "4 x 4", "1, 2, 4", "larger images"],
    ),
    "grey images for a model of colour": (["model=cait_t"], ["model.family=cait", "3 channels", "digits has 1", "rvt"]),
    "fraction too large": (["data.fraction=1.5"], ["data.fraction=1.5", "above 0 and at most 1"]),
    "fraction zero": (["data.fraction=0"], ["data.fraction=0", "above 0 and at most 1"]),
    "fraction of nothing": (["data.fraction=0.001"], ["data.fraction=0.001", "rarest class", "at least"]),
    "too many a class": (["data.images_per_class=500"], ["data.images_per_class=500", "139"]),
    "two amounts": (["data.images_per_class=5", "data.fraction=0.5"], ["data.fraction=0.5", "one of the two"]),
    "not a number": (["optim.lr=nan"], ["optim.lr=nan", "above 0"]),
    "not finite": (["optim.lr=inf"], ["optim.lr=inf", "above 0"]),
    "warm-up too long": (["epochs=5", "optim.warmup_epochs=5"], ["optim.warmup_epochs=5", "epochs=5"]),
    "policy's key without it": (["augment.rand_magnitude=5"], ["rand_magnitude=5", "policy=rand", "rand_magnitude=9"]),
    "PIL's pixels without a policy": (
        ["augment.policy_pixels=pil"],
        ["policy_pixels=pil", "Nothing would read it", "policy=auto, rand or trivial", "policy_pixels=torchvision"],
    ),
    "unknown pixels": (["augment.policy_pixels=opencv"], ["policy_pixels=opencv", "torchvision, pil"]),
    "table without AutoAugment": (
        ["augment.auto_policy=svhn"],
        ["policy=auto", "auto_policy=null"],
    ),
    "fill of erasing, off": (["augment.erase_fill=noise"], ["erase_fill=noise", "erase_probability above 0"]),
    "mixing, off": (["augment.mixup_alpha=0.8"], ["mixup_alpha=0.8", "mix_probability above 0"]),
    "mixing in no way": (
        ["augment.mix_probability=1", "augment.cutmix_alpha=0", "augment.mixup_alpha=0"],
        ["augment.mix_probability=1", "Both ways"],
    ),
    "areas turned round": (
        ["augment.erase_probability=1", "augment.erase_min_area=0.5"],
        ["augment.erase_min_area=0.5", "erase_max_area=0.4"],
    ),
    "cutout of everything": (["augment.cutout_px=17"], ["augment.cutout_px=17", "usual: 4"]),
    "study outside": (["study=../elsewhere"], ["study=../elsewhere", "one folder", "study=elsewhere"]),
    "batch not shared": (["trainer=ddp", "batch_size=65"], ["batch_size=65", "2 devices", "66"]),
    "devices not joined": (["trainer.devices=2"], ["trainer.devices=2", "trainer=ddp"]),
    "one job of a sweep": (["-m", "model.mixer.kernel_size=3,5,8"], ["kernel_size=8", "odd", "job #2 of 3"]),
    "type in a sweep": (["-m", "optim.lr=1e-3,abc"], ["optim.lr=abc", "number", "job #1 of 2"]),
    "option in a sweep": (["-m", "model/mixer=lkca,lkac"], ["lkac", "lkca", "job #1 of 2"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_gets_a_short_answer(cli, tmp_path, name):
    args, told = REFUSED[name]
    done = cli(*args, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    answer = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert done.returncode == 2, answer
    for words in told:
        assert words in answer
    assert "hydra" in imported  # the list of imports is really one
    assert "torch" not in imported
    assert "Traceback" not in answer
    assert len(answer.splitlines()) <= 5, answer
    assert list(tmp_path.iterdir()) == []


def test_hydra_full_error_shows_the_traceback(cli):
    done = cli("optim.lr=-1", HYDRA_FULL_ERROR="1")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "checks.py" in done.stderr


@pytest.mark.parametrize("args", [["--cfg", "job"], ["--cfg", "job", "--resolve"], ["--help"]])
def test_questions_are_answered_without_torch(cli, tmp_path, args):
    done = cli(*args, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "kernel_size: null" in done.stdout
    assert not re.search(r"\|\s+torch$", done.stderr, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_help_names_groups_and_commands(cli):
    answer = cli("--help").stdout
    for words in (
        "+experiment=digits_compare",
        "model/mixer: attention, identity, lkca, lkca_depthwise, lkca_gated",
        "data: cifar10, cifar100, digits, fashion_mnist",
    ):
        assert words in answer


def test_gpu_without_one(cli, tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = cli(*TINY, "trainer=gpu")
    assert done.returncode == 2
    assert "trainer.accelerator=gpu" in done.stderr
    assert "trainer=cpu" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_runs_folder_that_cannot_be_written(cli, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = cli(*TINY, "paths.runs=file/runs")
    assert done.returncode == 2
    assert "paths.runs=file/runs" in done.stderr
    assert "paths.runs=DIR" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_sweep_into_a_folder_that_cannot_be_written(cli, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = cli("-m", *TINY, "seed=0,1", "paths.runs=file/runs")
    assert done.returncode == 2
    assert "paths.runs=file/runs" in done.stderr
    assert "Traceback" not in done.stderr

"""The models of the literature: their published sizes, and the same outputs as vit-pytorch's with the same weights.

vit-pytorch (lucidrains) is an independent implementation. Where it departs from the authors' code, the test says how.
"""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn
from vit_pytorch.cct import cct_7
from vit_pytorch.vit import ViT
from vit_pytorch.vit_for_small_dataset import ViT as SlViT

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.job import compose
from lkca_exp.config.schema import VitConfig
from lkca_exp.models.build import build_model, count_parameters, flops_per_image
from lkca_exp.models.vit import VisionTransformer

LEE2021 = {"image_size": 32, "patch_size": 4, "dim": 192, "depth": 9, "heads": 12, "mlp_dim": 384, "dim_head": 16}


def build(model: str, data: str = "cifar100") -> tuple[VisionTransformer, VitDerived]:
    job = compose([f"data={data}", f"model={model}"])
    assert isinstance(job.config.model, VitConfig)
    assert isinstance(job.derived, VitDerived)
    network = build_model(job.config.model, job.derived)
    assert isinstance(network, VisionTransformer)
    return network.double().eval(), job.derived


@pytest.mark.parametrize(
    ("model", "data", "millions", "giga_multiplications"),
    [
        # Lee et al. 2021, the table of their repository's README, which counts for Tiny-ImageNet
        ("vit_lee2021", "tiny_imagenet", (2.7, 2.8), 0.1898),
        ("sl_vit", "tiny_imagenet", (2.8, 3.0), 0.1992),
        # Hassani et al. 2021, the table of their repository's README, which leaves out the two products of attention
        ("cct_7_3x1", "cifar10", (3.7595, 3.7605), 0.947 + 7 * 2 * 256**3 / 1e9),
    ],
)
def test_published_sizes(model: str, data: str, millions: tuple[float, float], giga_multiplications: float) -> None:
    network, derived = build(model, data)
    low, high = millions
    assert low < count_parameters(network) / 1e6 < high
    assert flops_per_image(network, derived) / 2e9 == pytest.approx(giga_multiplications, rel=0.002)


def test_lee2021_has_the_parameters_of_its_authors_code() -> None:
    """2,709,796 with 100 classes, counted there; vit-pytorch's has two more norms, around the map of the patches."""
    model, _ = build("vit_lee2021")
    assert count_parameters(model) == 2_709_796
    assert count_parameters(ViT(num_classes=100, **LEE2021)) - count_parameters(model) == 2 * 48 + 2 * 192


def test_sl_vit_has_the_parameters_of_vit_pytorchs() -> None:
    """Ours learns a temperature a head, as the authors' code does; vit-pytorch's one a block."""
    model, _ = build("sl_vit")
    assert count_parameters(model) - count_parameters(SlViT(num_classes=100, **LEE2021)) == 9 * (12 - 1)


def test_cct_has_the_parameters_of_vit_pytorchs() -> None:
    """But for the bias of its sequence pooling, which cannot learn."""
    model, _ = build("cct_7_3x1")
    assert count_parameters(reference_cct()) - count_parameters(model) == 1


def test_the_vit_of_lee_et_al_computes_what_vit_pytorchs_does() -> None:
    model, _ = build("vit_lee2021")
    reference = ViT(num_classes=100, **LEE2021).double().eval()
    reference.to_patch_embedding[1] = reference.to_patch_embedding[3] = nn.Identity()
    weights = renamed(
        model,
        {
            "patch_embed.projection": "to_patch_embedding.2",
            "class_token": "cls_token",
            "positions.embedding": "pos_embedding",
            **TRANSFORMER,
            "norm": "transformer.norm",
            "head": "mlp_head",
        },
    )
    patches = weights["to_patch_embedding.2.weight"].view(192, 3, 4, 4)
    weights["to_patch_embedding.2.weight"] = patches.permute(0, 2, 3, 1)  # colours last, there
    assert_same_logits(model, reference, weights)


def test_sl_vit_computes_what_vit_pytorchs_does() -> None:
    """On our patches: vit-pytorch shifts by a pixel along the axes, the authors by half a patch along the diagonals."""
    model, _ = build("sl_vit")
    reference = SlViT(num_classes=100, **LEE2021).double().eval()
    reference.to_patch_embedding = nn.Identity()
    temperature = torch.rand(9, dtype=torch.float64) + 0.5
    for block, value in zip(model.blocks, temperature, strict=True):
        block.get_parameter("mixer.scale").data[:] = value
    weights = renamed(
        model,
        {
            "class_token": "cls_token",
            "positions.embedding": "pos_embedding",
            **TRANSFORMER,
            "norm": "mlp_head.0",
            "head": "mlp_head.1",
        },
    )
    weights |= {f"transformer.layers.{i}.0.temperature": value.log() for i, value in enumerate(temperature)}
    assert_same_logits(model, reference, weights, embed=model.patch_embed)


def test_cct_computes_what_vit_pytorchs_does() -> None:
    model, _ = build("cct_7_3x1")
    reference = reference_cct().double().eval()
    weights = renamed(
        model,
        {
            "patch_embed.convolutions.0": "tokenizer.conv_layers.0.0",
            "positions.embedding": "classifier.positional_emb",
            r"blocks\.(\d)\.mixer_norm": r"classifier.blocks.\1.pre_norm",
            r"blocks\.(\d)\.mixer\.qkv": r"classifier.blocks.\1.self_attn.qkv",
            r"blocks\.(\d)\.mixer\.output": r"classifier.blocks.\1.self_attn.proj",
            r"blocks\.(\d)\.mlp_norm": r"classifier.blocks.\1.norm1",
            r"blocks\.(\d)\.mlp\.expand": r"classifier.blocks.\1.linear1",
            r"blocks\.(\d)\.mlp\.reduce": r"classifier.blocks.\1.linear2",
            "norm": "classifier.norm",
            "sequence_pool.score": "classifier.attention_pool",
            "head": "classifier.fc",
        },
    )
    weights["classifier.attention_pool.bias"] = torch.ones(1)
    assert_same_logits(model, reference, weights)


TRANSFORMER = {
    r"blocks\.(\d)\.mixer_norm": r"transformer.layers.\1.0.norm",
    r"blocks\.(\d)\.mixer\.qkv": r"transformer.layers.\1.0.to_qkv",
    r"blocks\.(\d)\.mixer\.output": r"transformer.layers.\1.0.to_out.0",
    r"blocks\.(\d)\.mlp_norm": r"transformer.layers.\1.1.net.0",
    r"blocks\.(\d)\.mlp\.expand": r"transformer.layers.\1.1.net.1",
    r"blocks\.(\d)\.mlp\.reduce": r"transformer.layers.\1.1.net.4",
}
"""Our names, as regular expressions, and those of vit-pytorch's vit and vit_for_small_dataset."""


def renamed(model: VisionTransformer, names: dict[str, str]) -> dict[str, Tensor]:
    """Random weights for `model`, by the names that vit-pytorch gives them; those without one are left out."""
    found = {}
    for name, tensor in model.state_dict().items():
        if not name.endswith("scale"):
            nn.init.normal_(tensor, std=0.1)
        for ours, theirs in names.items():
            if match := re.fullmatch(rf"{ours}(\.weight|\.bias|)", name):
                found[match.expand(theirs) + match[match.lastindex or 0]] = tensor
    return found


def assert_same_logits(
    model: VisionTransformer, reference: nn.Module, weights: dict[str, Tensor], embed: nn.Module | None = None
) -> None:
    """`embed` makes the tokens for the reference, where it lacks the embedding."""
    shapes = {name: tensor.shape for name, tensor in reference.state_dict().items()}
    reference.load_state_dict({name: tensor.reshape(shapes[name]) for name, tensor in weights.items()})
    for module in reference.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = model.norm.eps
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    expected = reference(images if embed is None else embed(images))
    torch.testing.assert_close(model(images), expected, rtol=1e-12, atol=1e-12)
    assert expected.std() > 0.1


def reference_cct() -> nn.Module:
    return cct_7(img_size=32, n_conv_layers=1, kernel_size=3, num_classes=100, positional_embedding="learnable")

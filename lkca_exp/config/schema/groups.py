"""The groups whose options differ in their keys: option -> its schema."""

from __future__ import annotations

from lkca_exp.config.schema.embedding import ConvolutionEmbeddingConfig, EmbeddingConfig, ShiftedEmbeddingConfig
from lkca_exp.config.schema.mixer import (
    AttentionConfig,
    IdentityConfig,
    LkcaConfig,
    LkcaDepthwiseConfig,
    LkcaGatedConfig,
    LocalityAttentionConfig,
    PoolingConfig,
    RelativeAttentionConfig,
)
from lkca_exp.config.schema.model import TimmConfig, VitConfig, VitPytorchConfig
from lkca_exp.config.schema.output import NoLoggerConfig, TensorboardConfig, WandbConfig
from lkca_exp.config.schema.training import BestOnTestConfig, FinalConfig, HoldoutConfig

GROUP_SCHEMAS: dict[str, dict[str, type]] = {
    "model": {"vit": VitConfig, "timm": TimmConfig, "vit_pytorch": VitPytorchConfig},
    "model/mixer": {
        "attention": AttentionConfig,
        "locality_attention": LocalityAttentionConfig,
        "relative_attention": RelativeAttentionConfig,
        "lkca": LkcaConfig,
        "lkca_depthwise": LkcaDepthwiseConfig,
        "lkca_gated": LkcaGatedConfig,
        "pooling": PoolingConfig,
        "identity": IdentityConfig,
    },
    "model/embedding": {
        "linear": EmbeddingConfig,
        "shifted": ShiftedEmbeddingConfig,
        "convolution": ConvolutionEmbeddingConfig,
    },
    "protocol": {"holdout": HoldoutConfig, "final": FinalConfig, "best_on_test": BestOnTestConfig},
    "logger": {"wandb": WandbConfig, "tensorboard": TensorboardConfig, "none": NoLoggerConfig},
}
"""The groups whose options differ in their keys. The YAML of an option names its schema in its defaults list."""


def schema_of(group: str, name: str) -> type | None:
    """The schema behind `<group>.name`, None if there is none. A model whose name is not ours is timm's."""
    return GROUP_SCHEMAS[group].get(name) or (TimmConfig if group == "model" else None)

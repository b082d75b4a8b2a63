"""Every key of the configuration: its type, its default, its unit and the rule a single value must keep.

This package is the one home of defaults. The YAML under `conf/` only makes choices; relations between keys are in
`checks.py`; values that follow from others (a key left at `null`) are worked out in `derive.py`.
"""

# ruff: noqa: F401

from lkca_exp.config.schema.augment import AugmentConfig
from lkca_exp.config.schema.config import Config
from lkca_exp.config.schema.data import DataConfig
from lkca_exp.config.schema.embedding import ConvolutionEmbeddingConfig, EmbeddingConfig, ShiftedEmbeddingConfig
from lkca_exp.config.schema.groups import GROUP_SCHEMAS, schema_of
from lkca_exp.config.schema.mixer import (
    AttentionConfig,
    HeadsConfig,
    IdentityConfig,
    KernelConfig,
    LkcaConfig,
    LkcaDepthwiseConfig,
    LkcaGatedConfig,
    LocalityAttentionConfig,
    MixerConfig,
    PoolingConfig,
    RelativeAttentionConfig,
)
from lkca_exp.config.schema.model import ModelConfig, TimmConfig, VitConfig, VitPytorchConfig
from lkca_exp.config.schema.output import LoggerConfig, NoLoggerConfig, PathsConfig, TensorboardConfig, WandbConfig
from lkca_exp.config.schema.store import register
from lkca_exp.config.schema.training import (
    BestOnTestConfig,
    FinalConfig,
    HoldoutConfig,
    OptimConfig,
    ProtocolConfig,
    TrainerConfig,
)

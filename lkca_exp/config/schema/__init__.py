"""Every key of the configuration: its type, its default, its unit and the rule a single value must keep.

This package is the one home of defaults. An option of a group (a mixer, a model, a logger) is a class under `@option`,
with its rules and what follows from it; the YAML under `conf/` only makes choices that differ. Relations between groups
are in `checks.py`.
"""

# ruff: noqa: F401

from lkca_exp.config.schema.augment import AugmentConfig
from lkca_exp.config.schema.config import Config
from lkca_exp.config.schema.data import DataConfig
from lkca_exp.config.schema.embedding import ConvolutionEmbeddingConfig, EmbeddingConfig, ShiftedEmbeddingConfig
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
from lkca_exp.config.schema.model import ModelConfig, VitConfig
from lkca_exp.config.schema.option import GROUP_SCHEMAS, schema_of
from lkca_exp.config.schema.output import (
    LoggerConfig,
    NoLoggerConfig,
    PathsConfig,
    ReportConfig,
    TensorboardConfig,
    WandbConfig,
)
from lkca_exp.config.schema.packages import TimmConfig, VitPytorchConfig
from lkca_exp.config.schema.store import register
from lkca_exp.config.schema.training import (
    AdamwConfig,
    BestOnTestConfig,
    FinalConfig,
    HoldoutConfig,
    OptimConfig,
    ProtocolConfig,
    TimmOptimConfig,
    TrainerConfig,
)

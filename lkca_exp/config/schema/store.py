"""What Hydra knows of the schemas, and the keys of our sweeper."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import open_dict, read_write

from lkca_exp.config.machine import register_resolvers
from lkca_exp.config.schema.config import Config
from lkca_exp.config.schema.key import part
from lkca_exp.config.schema.option import GROUP_SCHEMAS
from lkca_exp.config.specs import FOLDER, SPECS


@dataclass
class ThenConfig:
    """What a sweep goes on with when its jobs have ended: the best of them, by accuracy on validation."""

    best_of: list[str] = field(
        default_factory=list, metadata={"help": "keys; of the jobs with the same values of them the best one goes on"}
    )
    overrides: list[str] = field(
        default_factory=list, metadata={"help": "what it goes on with, as on a command line; a grid, seeds too"}
    )


@dataclass
class StudySweeperConfig:
    """Keys of `hydra.sweeper`, which say what the jobs of a sweep are: every case at every point of the grid."""

    _target_: str = "hydra_plugins.lkca_exp_sweeper.StudySweeper"
    params: dict[str, str] = field(
        default_factory=dict, metadata={"help": "a grid: key -> its values, as on the command line"}
    )
    cases: list[str] = field(
        default_factory=list,
        metadata={"help": "overrides that go together, as on a command line; whole experiments as +experiment=a,b"},
    )
    exclude: list[str] = field(
        default_factory=list, metadata={"help": "overrides; a job to which all of one list apply is left out"}
    )
    then: ThenConfig = part(ThenConfig, "a second round, of the jobs that proved best in the first")


PLUGIN_SCHEMAS = {"launcher": ("joblib", "ray", "submitit_local", "submitit_slurm"), "sweeper": ("optuna",)}
"""The options of `hydra/launcher` and `hydra/sweeper` whose YAML here takes the place of the one their plugin brings,
and is laid over it: a default `plugin: NAME`."""


def conf_dir() -> Path:
    """The folder of the YAML files: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def register() -> None:
    """Make every option known to Hydra, and the resolvers that launchers' YAML uses.

    An option is chosen as it is declared, unless a file in conf/ has its name. Such files lay themselves over the
    declared options, which are in the group `schema`."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    register_resolvers()
    store, files = ConfigStore.instance(), conf_dir()
    store.store(group="schema", name="config", node=Config, package="_global_")
    store.store(group="hydra/sweeper", name="study", node=StudySweeperConfig)
    for group, schemas in GROUP_SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
            if not (files / group / f"{name}.yaml").exists():
                store.store(group=group, name=name, node=schema)
    for name in (*SPECS, FOLDER):
        store.store(group="data", name=name, node={"name": name})
    Plugins.instance()  # which has those that are installed enter their configurations
    for group, names in PLUGIN_SCHEMAS.items():
        for name in names:
            if theirs := store.repo["hydra"][group].pop(f"{name}.yaml", None):
                with read_write(theirs.node), open_dict(theirs.node):
                    theirs.node.pop("defaults", None)  # which ours has
                store.store(group=f"hydra/{group}/plugin", name=name, node=theirs.node, provider=theirs.provider)

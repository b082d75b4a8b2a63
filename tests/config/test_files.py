"""Files of the user's own that cannot be a configuration are named in the answer."""

from __future__ import annotations

import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import compose
from tests.config.refused import FILES, check


@pytest.mark.parametrize("content", FILES)
def test_a_wrong_file_is_named(tmp_path, content):
    (tmp_path / "experiment").mkdir()
    text = f"# @package _global_\n# mine\n{content}"
    (tmp_path / "experiment" / "wrong.yaml").write_bytes(text.encode("latin-1" if "\xe9" in text else "utf-8"))
    with pytest.raises(ConfigError) as raised:
        compose([f"hydra.searchpath=[file://{tmp_path}]", "+experiment=wrong"])
    check(str(raised.value), FILES[content])


def test_an_experiment_without_its_first_line_is_told_so(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "wrong.yaml").write_text("epochs: 3\n")
    with pytest.raises(ConfigError, match="# @package _global_"):
        compose([f"hydra.searchpath=[file://{tmp_path}]", "+experiment=wrong"])

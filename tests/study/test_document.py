from __future__ import annotations

import pytest

from lkca_exp.study.document import filled, parts

TEXT = (
    "by hand\n\n<!-- study: table variants -->\nold\n<!-- /study -->\n\n<!-- study: runs -->\n<!-- /study -->\nmore\n"
)


def test_parts_by_name():
    assert parts(TEXT) == {"table variants": "old\n", "runs": ""}
    assert parts("by hand") == {}


def test_only_what_is_between_the_marks_changes():
    text = filled(TEXT, lambda name, before: f"{name} after {before.strip() or 'nothing'}\n")
    assert parts(text) == {"table variants": "table variants after old\n", "runs": "runs after nothing\n"}
    assert filled(text, lambda name, before: parts(TEXT)[name]) == TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!-- study: runs -->\n", "begins with"),
        ("<!-- /study -->\n", "begins with"),
        ("<!-- study: runs -->\n<!-- study: cost -->\n<!-- /study -->\n", "begins with"),
        ("<!-- study: runs -->\n<!-- /study -->\n" * 2, "the same part twice: runs, runs"),
    ],
)
def test_marks_that_do_not_match_are_refused(text, expected):
    with pytest.raises(ValueError, match=expected):
        parts(text)

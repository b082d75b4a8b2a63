from __future__ import annotations

from pathlib import Path

import pytest

from lkca_exp.report.read.published import DEFAULT, read_published

HEAD = "model,data,top1_percent,protocol,source\n"
ROOT = Path(__file__).parents[3]


def test_the_numbers_of_this_checkout():
    rows = read_published(ROOT / DEFAULT)
    assert len(rows) == 82
    assert {row.data for row in rows} == {"cifar10", "cifar100", "svhn", "tiny_imagenet"}
    (found,) = [row for row in rows if (row.model, row.data) == ("SL-CaiT", "tiny_imagenet")]
    assert (found.top1_percent, "2112.13492" in found.source) == (67.18, True)
    assert (found.mega_multiplications, found.million_parameters, found.like) == (623.3, None, ())
    (found,) = [row for row in rows if (row.model, row.data) == ("SL-ViT", "cifar10")]
    assert (found.mega_multiplications, found.like) == (None, ("model=sl_vit",))


def test_the_papers_own_table():
    rows = [row for row in read_published(ROOT / DEFAULT) if row.source.startswith("Li et al. 2024")]
    assert len(rows) == len({row.like for row in rows}) == 27
    assert {(row.data, row.commit, row.mega_multiplications) for row in rows} == {("tiny_imagenet", "c8e52c1", None)}
    (found,) = [row for row in rows if row.like == ("model=lkca_b",)]
    assert (found.top1_percent, found.million_parameters, found.mega_macs_without_mixer) == (60.95, 2.76, 172.78)
    noted = {row.model: row.note for row in rows if row.note}
    assert "MobileViT v1" in noted["MobileViTv2"]
    assert all(number in noted["ViT-Small"] for number in ("55.74", "59.89", "57.07"))


def test_sizes_stand_in_the_row_of_their_source():
    rows = [row for row in read_published(ROOT / DEFAULT) if row.model == "CCT-7/3x1" and row.million_parameters]
    (found,) = rows
    assert (found.data, found.top1_percent, found.mega_macs_without_mixer) == ("cifar10", 94.78, 947)
    assert "examples/README" in found.source
    assert found.protocol.startswith("200 epochs")


@pytest.mark.parametrize("text", ["many", "0", "-1", "nan", "inf"])
def test_a_size_that_is_none_is_refused(tmp_path, text):
    file = tmp_path / "published.csv"
    file.write_text(f"{HEAD.strip()},million_parameters\nViT,digits,97.5,best on test,somebody,{text}\n")
    with pytest.raises(ValueError, match="line 2: million_parameters is"):
        read_published(file)


def test_the_default_is_read_where_it_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_published(None) == []
    DEFAULT.parent.mkdir()
    DEFAULT.write_text(HEAD + "ViT,digits,97.5,best on test,somebody\n")
    assert [row.model for row in read_published(None)] == ["ViT"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "ViT,digits,high,p,s\n", "line 2: top1_percent is 'high'"),
        (HEAD + "ViT,digits,97,p,s\nViT,svhn,0.97e3,p,s\n", "line 3: top1_percent"),
        (HEAD + "ViT,digits,97,p,\n", "line 2: no source"),
        ("model,data\nViT,digits\n", "line 2: no top1_percent, protocol, source"),
    ],
)
def test_a_row_without_number_or_source_is_refused(tmp_path, text, message):
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_published(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv"):
        read_published(tmp_path / "none.csv")

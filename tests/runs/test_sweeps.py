from __future__ import annotations

from lkca_exp.runs.sweeps import FILE, Sweep, note_sweep, num_not_started, places, read_sweeps


def test_sweeps_are_read_as_they_were_noted_and_the_latest_is_not_noted_twice(tmp_path):
    study = tmp_path / "study"
    assert read_sweeps(study) == []
    first, second = Sweep(("a-s0", "b-s0"), "attention"), Sweep(("b-s0", "c-s0"), search=True)
    for sweep in (first, first, second, first):
        note_sweep(study, sweep)
    assert read_sweeps(study) == [first, second, first]


def test_a_line_that_is_no_sweep_is_passed_over(tmp_path):
    lines = ['{"jobs": ["a"], "baseline": ""}', '{"jobs": 1, "baseline": ""}', "[]", '{"jobs": ["b"], "base']
    lines.insert(1, '{"jobs": [], "baseline": "", "num_unnamed": "2"}')
    (tmp_path / FILE).write_text("\n".join(lines))
    assert read_sweeps(tmp_path) == [Sweep(("a",))]


def test_jobs_of_the_latest_sweep_without_a_folder_have_not_started(tmp_path):
    assert num_not_started(tmp_path) == 0
    note_sweep(tmp_path, Sweep(("old", "a")))
    note_sweep(tmp_path, Sweep(("a", "b", "c")))
    (tmp_path / "b").mkdir()
    assert num_not_started(tmp_path) == 2


def test_folders_that_a_search_does_not_name_are_of_jobs_that_it_chose(tmp_path):
    note_sweep(tmp_path, Sweep(("x-s0-00000000",), search=True, num_unnamed=3))
    (tmp_path / "report").mkdir()
    for started in range(5):
        (tmp_path / f"x-s0-0000000{started}").mkdir()
        assert num_not_started(tmp_path) == max(3 - started, 0)


def test_a_job_keeps_the_place_where_it_was_first_named():
    assert places([Sweep(("b", "a")), Sweep(("c", "a"))]) == {"b": 0, "a": 1, "c": 2}

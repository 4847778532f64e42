"""A wrong params.yaml is told by dotted name what is wrong."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from talkedit.errors import ParamsError
from talkedit.params import Section, load_section, parse_yaml


class Cut(Section):
    section: ClassVar[str] = "segment"

    length_s: float = Field(gt=0)
    n_clips: int
    names: list[str]


GOOD = "segment: {length_s: 4, n_clips: 2, names: [a, b]}\ntrain: {anything: at all}\n"


def load(tmp_path: Path, text: str) -> Cut:
    (tmp_path / "params.yaml").write_text(text)
    return load_section(tmp_path / "params.yaml", Cut)


def test_a_section_is_read_and_cannot_be_changed(tmp_path: Path) -> None:
    cut = load(tmp_path, GOOD)
    assert (cut.length_s, cut.n_clips, cut.names) == (4.0, 2, ["a", "b"])
    with pytest.raises(ValidationError):
        cut.n_clips = 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("segment: {length_s: 4, n_clips: 2}", r"segment\.names is missing"),
        ("segment: {length_s: 4, n_clips: 2, names: [], lenght_s: 1}", r"segment\.lenght_s is not a parameter"),
        ("segment: {length_s: 0, n_clips: 2, names: []}", r"segment\.length_s is 0: input should be greater than 0"),
        ("segment: {length_s: '4', n_clips: 2, names: []}", r"segment\.length_s is '4'"),
        ("segment: {length_s: 4, n_clips: 2.5, names: []}", r"segment\.n_clips is 2\.5"),
        ("segment: {length_s: 4, n_clips: true, names: []}", r"segment\.n_clips is True"),
        ("segment: {length_s: .nan, n_clips: 2, names: []}", r"segment\.length_s"),
        ("segment: {length_s: 4, n_clips: 2, names: [a, 7]}", r"segment\.names\.1 is 7"),
        ("segment:", "segment is None"),
        ("train: {}", "'segment' is missing"),
        (GOOD + "segmnt: {}", "unknown section segmnt"),
        ("- segment", "holds list"),
        ("", "holds NoneType"),
        ("segment: {", "not valid YAML"),
    ],
)
def test_what_is_wrong_has_its_dotted_name(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ParamsError, match=problem) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "params.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="cannot be read"):
        load_section(tmp_path / "none.yaml", Cut)
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ParamsError, match="not valid YAML"):
        load_section(tmp_path / "params.yaml", Cut)


def test_what_is_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    """A key that is there and in what is merged is no such case."""
    for text in ("person: a\nperson: b\n", "segment:\n  clip_s: 1\n  clip_s: 2\n"):
        with pytest.raises(ParamsError, match=rf"is there twice .*line {text.count(chr(10))}"):
            load(tmp_path, text)
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, x: 2}")["b"] == {"x": 2}


def test_a_date_in_another_section_is_none_of_our_business(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD + "loss: {since: 2026-01-01}\n").n_clips == 2

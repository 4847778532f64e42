"""sources.yaml and the datasets that it names: what they say, and what is refused."""

from fractions import Fraction
from pathlib import Path

import pytest

from talkedit.closure import PROJECT_ROOT
from talkedit.errors import ParamsError
from talkedit.media.sources import load_sources, seconds_of

DATA = PROJECT_ROOT / "data"


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (12, Fraction(12)),
        (0.04, Fraction(1, 25)),
        ("1:02", Fraction(62)),
        ("01:02:03.25", Fraction(14_893, 4)),
        ("83.5", Fraction(167, 2)),
    ],
)
def test_times_are_exact(time: float | str, seconds: Fraction) -> None:
    assert seconds_of(time) == seconds


@pytest.mark.parametrize("time", ["-1", "1:60", "1:2:3:4", "60:00:00.x", "", "1e3"])
def test_what_is_no_time_is_refused(time: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        seconds_of(time)


@pytest.mark.parametrize(("person", "place"), [("obama", "web"), ("merkel", "url")])
def test_the_papers_persons_have_lists_with_places_and_a_licence(person: str, place: str) -> None:
    sources = load_sources(DATA / "sources.yaml", person)
    assert len(sources) > 40
    assert len({getattr(source, place) for source in sources}) == len(sources)
    assert all(source.licence and source.note for source in sources)


def test_a_list_that_is_to_be_filled_in_says_so() -> None:
    with pytest.raises(ParamsError, match=r"biden\.yaml: which videos the paper used .* is not published"):
        load_sources(DATA / "sources.yaml", "biden")


def write(folder: Path, dataset: str, name: str = "list.yaml") -> Path:
    (folder / "datasets").mkdir()
    (folder / "datasets" / "list.yaml").write_text(dataset)
    (folder / "sources.yaml").write_text(f"anna: {name}\n")
    return folder / "sources.yaml"


def test_a_source_of_a_dataset_keeps_its_own_licence(tmp_path: Path) -> None:
    sources = "sources: [{id: a, path: x}, {id: b, path: y, licence: mine}]"
    found = load_sources(write(tmp_path, f"licence: theirs\nnote: ask\n{sources}"), "anna")
    assert [(source.licence, source.note) for source in found] == [("theirs", "ask"), ("mine", "ask")]


@pytest.mark.parametrize(
    ("dataset", "name", "problem"),
    [
        ("licence: x\nnote: y\nsources: [{id: a, path: x}, {id: A, path: y}]", "list.yaml", "more than once"),
        ("licence: x\nnote: y\nsources: []", "list.yaml", "names no sources"),
        ("sources: []\nsources: []", "list.yaml", r"list\.yaml: .*sources is there twice .*line 2"),
        ("sources: []", "list.yaml", "licence: Field required"),
        ("", "../list.yaml", "anna: String should match"),
        ("", "none.yaml", r"none\.yaml: cannot be read"),
    ],
)
def test_datasets_that_cannot_be_used(tmp_path: Path, dataset: str, name: str, problem: str) -> None:
    with pytest.raises(ParamsError, match=problem):
        load_sources(write(tmp_path, dataset, name), "anna")

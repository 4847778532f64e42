"""One entry of sources.yaml for many files: which there are, in which order, and what each is called."""

from pathlib import Path

import pytest

from talkedit.errors import ParamsError
from talkedit.manifest import Manifest
from talkedit.media.several import expand
from talkedit.media.sources import SourceSpec
from talkedit.media.web import Video
from talkedit.transfer import TransferError


def expanded(tmp_path: Path, **spec: str) -> dict[str, str]:
    """Ids and where each comes from."""
    found = expand([SourceSpec(id="me", **spec)], tmp_path, Manifest(tmp_path / "raw"))
    return {each.id: each.origin for each in found}


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with films, on two levels, and what is none."""
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4", "day 2/b.mp4", "day 2/ü.mkv", ".trash/c.mp4"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).write_bytes(b"")
    return tmp_path


def test_a_folder_is_all_its_videos_and_those_below_in_order(films: Path) -> None:
    found = expanded(films, path="films")
    assert list(found.values()) == ["films/a.MOV", "films/b.mp4", "films/day 2/b.mp4", "films/day 2/ü.mkv"]
    assert list(found)[:3] == ["me-a", "me-b", "me-day-2-b"]


def test_links_to_folders_are_followed_once(films: Path) -> None:
    (films / "elsewhere").mkdir()
    (films / "elsewhere" / "c.mp4").write_bytes(b"")
    for name, to in (("link", "elsewhere"), ("again", "elsewhere"), ("loop", "films")):
        (films / "films" / name).symlink_to(films / to)
    found = list(expanded(films, path="films").values())
    assert found == [
        *("films/a.MOV", "films/again/c.mp4", "films/b.mp4"),
        *("films/day 2/b.mp4", "films/day 2/ü.mkv"),
    ]


def test_a_pattern_is_what_it_matches(films: Path) -> None:
    assert expanded(films, path="films/*.mp4") == {"me-b": "films/b.mp4"}
    assert list(expanded(films, path="films/**/*.mp4").values()) == ["films/b.mp4", "films/day 2/b.mp4"]
    assert list(expanded(films / "films", path=str(films / "films" / "b*"))) == ["me-b"]
    assert expanded(films, path="films/[b].mp4") == {"me-b": "films/b.mp4"}


def test_one_file_keeps_its_name_whatever_is_in_it(films: Path) -> None:
    (films / "films" / "take[1].mp4").write_bytes(b"")
    assert expanded(films, path="films/take[1].mp4") == {"me": "films/take[1].mp4"}
    assert expanded(films, path="films/none*") == {"me": "films/none*"}


def test_names_that_would_be_alike_are_kept_apart(tmp_path: Path) -> None:
    long = "x" * 80
    for name in ("a/b.mp4", "a-b.mp4", "A-B.mkv", f"{long}1.mp4", f"{long}2.mp4"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).write_bytes(b"")
    found = expanded(tmp_path, path="films")
    assert len({each.lower() for each in found}) == 5
    assert all(SourceSpec(id=each, path="x") and len(each) <= 64 for each in found)
    assert expanded(tmp_path, path="films") == found


def test_the_same_file_of_two_entries_has_two_ids(films: Path) -> None:
    """Each its own part of it; an id that looks like one with a hash is refused."""
    parts = [SourceSpec(id="a", path="films", end=8), SourceSpec(id="a-b", path="films/b.mp4", start=8)]
    found = expand(parts, films, Manifest(films / "raw"))
    twice = [spec for spec in found if spec.path == "films/b.mp4"]
    assert len({spec.id.lower() for spec in found}) == len(found) == 5
    assert [(spec.start, spec.end) for spec in twice] == [(None, 8), (8, None)]
    parts.append(SourceSpec(id=twice[0].id, path="films/a.MOV"))
    with pytest.raises(ParamsError, match=f"come to the id {twice[0].id}; give"):
        expand(parts, films, Manifest(films / "raw"))


def test_what_belongs_to_one_file_is_refused_for_several(films: Path) -> None:
    with pytest.raises(ParamsError, match="source me: sha256 pins one file"):
        expanded(films, path="films", sha256="0" * 64)


def test_a_list_of_videos_is_asked_for_once(tmp_path: Path) -> None:
    asked = []

    def lister(url: str, items: str | None) -> list[Video]:
        asked.append((url, items))
        if items == "9":
            raise TransferError("unavailable", "gone")
        once = [Video("-a_1", "https://v.example/-a_1"), Video("B2", "https://v.example/B2")]
        return [*once, once[0]]  # lists repeat some

    manifest = Manifest(tmp_path / "raw")
    spec = SourceSpec(id="me", playlist="https://v.example/list", start="0:10", licence="CC0")
    first = expand([spec], tmp_path, manifest, lister)
    assert [(each.id, each.web, each.start_s, each.licence) for each in first] == [
        ("me-a_1", "https://v.example/-a_1", 10, "CC0"),
        ("me-B2", "https://v.example/B2", 10, "CC0"),
    ]
    assert expand([spec], tmp_path, Manifest(tmp_path / "raw"), lister) == first
    assert len(asked) == 1
    gone = spec.model_copy(update={"items": "9"})
    assert expand([gone], tmp_path, manifest, lister) == [gone]
    assert asked[1:] == [("https://v.example/list", "9")]

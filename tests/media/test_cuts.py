"""Cuts at frames that are known."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkedit.errors import MediaError
from talkedit.manifest import Manifest
from talkedit.media import clips
from talkedit.media.clips import segment_sources
from talkedit.media.cuts import find_cuts
from talkedit.media.segment import SegmentParams, Source, plan_clips
from talkedit.media.video import read_frames, write_video
from talkedit.tables import read_rows

from .films import make_film
from .test_clips import PARAMS, fetch, rising_tone

THRESHOLD = 27.0
RED, GREEN, BLUE = ([value] for value in ((180, 40, 40), (40, 160, 40), (30, 30, 200)))


def scenes(path: Path, fps: Fraction, *lengths: tuple[list[tuple[int, int, int]], int]) -> Path:
    """A film of plain scenes: (colour, number of frames) each."""
    frames = [np.tile(np.array(colour, np.uint8), (64, 96, 1)) for colour, n in lengths for _ in range(n)]
    write_video(path, frames, fps, crf=10)
    return path


def test_cuts_are_exact_at_a_rate_that_is_no_whole_number(tmp_path: Path) -> None:
    fps = Fraction(30_000, 1001)
    film = scenes(tmp_path / "a.mp4", fps, (RED, 70), (GREEN, 20), (BLUE, 70))
    assert find_cuts(film, THRESHOLD) == [70 / fps, 90 / fps]
    assert find_cuts(scenes(tmp_path / "b.mp4", fps, (RED, 70)), THRESHOLD) == []


def test_cuts_before_the_picture_changes_its_size_are_kept(tmp_path: Path) -> None:
    film = scenes(tmp_path / "a.ts", Fraction(25), (RED, 20), (GREEN, 20))
    wide = make_film(tmp_path / "b.ts", size_px=(128, 64), stamps=list(range(40, 60)))
    film.write_bytes(film.read_bytes() + wide.read_bytes())
    with pytest.raises(MediaError, match="changes its picture size"):
        list(read_frames(film))
    assert find_cuts(film, THRESHOLD) == [Fraction(20, 25)]


def test_a_source_that_is_away_is_not_one_without_cuts(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", one=rising_tone(5))
    (raw / "one.mkv").rename(raw / "away.mkv")
    with pytest.raises(MediaError, match=r"one\.mkv"):
        segment_sources(raw, tmp_path / "clips", PARAMS)
    assert not Manifest(tmp_path / "clips").items()


def test_a_picture_that_cannot_be_read_leaves_the_other_sources_and_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = fetch(tmp_path / "a", one=rising_tone(5))
    looked: list[Path] = []

    def unreadable(path: Path, threshold: float) -> list[Fraction]:
        looked.append(path)
        raise MediaError(path, "has colours that cannot be converted")

    monkeypatch.setattr(clips, "find_cuts", unreadable)
    segment_sources(raw, tmp_path / "clips", PARAMS)
    segment_sources(raw, tmp_path / "clips", PARAMS)
    assert len(looked) == 2
    monkeypatch.undo()
    segment_sources(raw, tmp_path / "clips", PARAMS)
    monkeypatch.setattr(clips, "find_cuts", unreadable)
    segment_sources(raw, tmp_path / "clips", PARAMS)
    assert len(looked) == 2


def test_clips_of_a_real_video_lie_between_its_cuts(shared_media: Path) -> None:
    """Cuts before frames 20, 82 and 211 of 275, looked at one by one."""
    film, fps = shared_media / "cases" / "scene_cuts_2997.mp4", Fraction(30_000, 1001)
    cuts_s = find_cuts(film, THRESHOLD)
    assert [round(cut_s * fps) for cut_s in cuts_s] == [20, 82, 211]
    clips = plan_clips([Source("a", "a.mp4", 275 / fps, cuts_s)], PARAMS)
    assert len(clips) >= 3
    for clip in clips:
        first_s, last_s = clip.times_s()[0], clip.times_s()[-1]
        assert not any(first_s < cut_s <= last_s for cut_s in cuts_s)


def test_cuts_are_looked_for_once(tmp_path: Path) -> None:
    raw = fetch(tmp_path / "a", one=rising_tone(5))
    params: SegmentParams = PARAMS.model_copy(update={"cut_threshold": 250.0})
    rows = segment_sources(raw, tmp_path / "clips", params)
    found = (tmp_path / "clips" / "manifest.json").read_text()
    (raw / "one.mkv").write_bytes(b"gone")
    assert segment_sources(raw, tmp_path / "clips", params) == rows
    assert (tmp_path / "clips" / "manifest.json").read_text() == found
    assert read_rows(tmp_path / "clips" / "clips.parquet") == rows

"""Frames that are asked for one by one are those of the film, and a film that cannot seek is decoded once."""

from fractions import Fraction
from pathlib import Path

import pytest

from talkedit.media.decode import Decoder, can_seek
from talkedit.media.forward import FAR_S, ForwardReader
from talkedit.media.video import read_frames_at

from .films import number_of

FPS, N_SECTION = 25, 10  # frames in a section of which some are asked for
CODECS = {"a.mp4": "libx264", "a.ts": "libx264", "a.avi": "mpeg4", "a.mpg": "mpeg1video"}
READ_AHEAD = 2  # a frame is known to be on the screen when the next is decoded; and the first, to tell the rate


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time stamps of all frames that are decoded."""
    stamps, frames = list[int](), Decoder.frames

    def counted(decoder: Decoder, near_s: Fraction | None = None):
        for stamp, frame in frames(decoder, near_s):
            stamps.append(stamp)
            yield stamp, frame

    monkeypatch.setattr(Decoder, "frames", counted)
    return stamps


@pytest.mark.parametrize("name", CODECS)
def test_each_frame_is_decoded_once_and_is_what_it_would_be_alone(film, decoded: list[int], name: str) -> None:
    n_frames = 20 * N_SECTION
    path = film(name, stamps=list(range(n_frames)), codec=CODECS[name], options={"g": "25"})
    assert can_seek(path) == (name == "a.mp4")
    wanted = [number for number in range(n_frames) if number % N_SECTION in (1, 2, 7)]
    reader = ForwardReader(path)
    images = [reader.at(Fraction(number, FPS)) for number in wanted]
    assert [number_of(image) for image in images] == wanted
    assert len(decoded) <= n_frames + READ_AHEAD
    for number in wanted[::9]:
        (alone,) = read_frames_at(path, [Fraction(number, FPS)])
        assert (images[wanted.index(number)] == alone).all()


def test_times_may_repeat_and_go_back(film) -> None:
    reader = ForwardReader(film("a.ts"))
    assert [number_of(reader.at(Fraction(number, FPS))) for number in (30, 30, 7, 49)] == [30, 30, 7, 49]


def test_what_lies_far_ahead_is_sought(film, decoded: list[int]) -> None:
    """Frames 5 and 400 of 450: of those between, only what the margin of two seconds and a key frame ask for."""
    n_far = (FAR_S + 6) * FPS
    path: Path = film(stamps=list(range(n_far + 50)), options={"g": "25", "bf": "0"})
    reader = ForwardReader(path)
    assert number_of(reader.at(Fraction(5, FPS))) == 5
    assert number_of(reader.at(Fraction(n_far, FPS))) == n_far % 256
    assert len(decoded) < 5 + 4 * FPS

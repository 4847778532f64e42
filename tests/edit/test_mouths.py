"""With new speech, mouths are those of frames whose lips have the shape that is heard."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.edit import draw, mouths
from talkedit.edit.editor import Editor
from talkedit.edit.measure import Measurer
from talkedit.edit.mouths import SECTION_S, MouthLender, choose_lenders, lend_mouth
from talkedit.edit.renderer import Crops
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Wanted
from talkedit.media.audio import write_wav
from talkedit.media.decode import Decoder
from talkedit.models.lips import EYES_CM, NOSE_BASE_CM, opening_and_width

from ..films import remake
from .test_editor import FAST

SIDE_PX = 100
SKIN, LIPS = 120, 250
CAMERA_PX = 400.0
AWAY_CM = CAMERA_PX * EYES_CM / 40 - NOSE_BASE_CM[2]
EYES, NOSE, CHIN = {36: (30, 30), 39: (42, 30), 42: (58, 30), 45: (70, 30)}, {27: (50, 30), 30: (50, 45)}, (50, 85)


def face(opening_px: float, shift_px: float = 0.0) -> Crops:
    """A grey face; its mouth is a disc as high as it is open, about (50, 65), all moved to the right."""
    points = np.full((68, 2), 50.0)
    for index, place in (EYES | NOSE).items():
        points[index] = place
    points[33], points[5:12] = (50, 50), CHIN
    points[8] = (50, 85 + opening_px / 2)
    points[48:68] = (50, 65)
    points[62], points[66] = (50, 65 - opening_px / 2), (50, 65 + opening_px / 2)
    points[:, 0] += shift_px
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    image = np.full((SIDE_PX, SIDE_PX, 3), SKIN, np.uint8)
    image[np.hypot(x - 50 - shift_px, y - 65) < opening_px / 2] = LIPS
    landmarks = ((points + 0.5) / SIDE_PX).astype(np.float32)[None]
    head, camera = np.eye(3, 4, dtype="f4")[None], np.float32([[CAMERA_PX, SIDE_PX / 2, SIDE_PX / 2]])
    head[0, 2, 3] = AWAY_CM  # where its eyes are 40 px apart
    return Crops(image[None], head, camera, np.eye(3)[None], landmarks, np.ones(1, np.float32), np.eye(7)[:1])


def still(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((n, 3), np.float32), np.ones(n, np.bool_)


def open_by(*openings: float, width: float = 0.6) -> np.ndarray:
    """(N, 21, 2), lips of which one point is twice so far down, and another twice so far to the side."""
    shapes = np.zeros((len(openings), 21, 2), np.float32)
    shapes[:, 18, 1], shapes[:, 6, 0] = 2 * np.float32(openings), 2 * width
    return shapes


def test_a_mouth_comes_from_the_frame_whose_opening_is_heard() -> None:
    lips = open_by(0.0, 0.1, 0.2, 0.3)
    assert choose_lenders(open_by(*[0.2] * 4), lips, *still(4)).tolist() == [2] * 4
    # 0.1 is 5 units: a change to another frame costs 10, to stay 25 a frame.
    assert choose_lenders(open_by(0.1, 0.1, 0.2, 0.2), lips, *still(4)).tolist() == [1, 1, 2, 2]
    assert choose_lenders(open_by(0.1, 0.14, 0.1, 0.1), lips, *still(4)).tolist() == [1, 1, 1, 1]


def test_of_mouths_that_are_open_alike_it_is_the_one_of_the_width_that_is_heard() -> None:
    lips = np.concatenate([open_by(0.1, width=0.7), open_by(0.1, width=0.5), open_by(0.12, width=0.6)])
    assert choose_lenders(open_by(0.1, 0.1, 0.1, width=0.5), lips, *still(3)).tolist() == [1, 1, 1]
    assert choose_lenders(open_by(0.1, 0.1, 0.1, width=0.6), lips, *still(3)).tolist() == [2, 2, 2]


def test_a_head_that_is_turned_otherwise_lends_less_gladly() -> None:
    lips, heard = open_by(0.0, 0.1, 0.12), open_by(*[0.1] * 3)
    pose_deg = np.float32([[0, 0, 0], [9, 0, 0], [0, 0, 0]])
    assert choose_lenders(heard, lips, pose_deg, still(3)[1]).tolist() == [2, 2, 2]


def test_frames_without_a_face_lend_nothing() -> None:
    lips, heard = open_by(0.0, 0.1, 0.3), open_by(*[0.1] * 3)
    usable = np.array([True, False, True])
    assert choose_lenders(heard, lips, still(3)[0], usable).tolist() == [0, 0, 0]
    assert choose_lenders(heard, lips, still(3)[0], np.zeros(3, np.bool_)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("shift_px", [0.0, 7.0])
def test_mouth_and_chin_are_lent_and_moved_to_where_they_belong(shift_px: float) -> None:
    own, lender = face(4, shift_px), face(14)
    before = own.images.copy()
    given, wanted = lend_mouth(own, lender), face(14, shift_px)
    assert np.array_equal(own.images, before)
    assert given.landmarks == pytest.approx(wanted.landmarks, abs=1e-5)
    assert given.lips == pytest.approx(wanted.lips, abs=1e-5)
    about_mouth = (slice(57, 74), slice(43 + int(shift_px), 58 + int(shift_px)))
    assert np.abs(given.images[0][about_mouth].astype(int) - wanted.images[0][about_mouth]).max() <= 1
    away = np.ones((SIDE_PX, SIDE_PX), np.bool_)
    away[48:96, 15 + int(shift_px) : 85 + int(shift_px)] = False
    assert (given.images[0][away] == own.images[0][away]).all()


def test_a_section_fetches_what_it_needs_once() -> None:
    section, asked = round(SECTION_S * 10), list[list[int]]()
    n = section + 10
    openings = np.linspace(0, 12, n, dtype=np.float32)
    faces = [face(opening) for opening in openings]
    lips = np.concatenate([each.lips for each in faces])

    def fetch(numbers: list[int]) -> list[Crops]:
        asked.append(numbers)
        return [faces[number] for number in numbers]

    lender = MouthLender(lips[[5] * n], lips, *still(n), 10.0, fetch)
    given = [lender(each, number) for number, each in enumerate(faces)]
    assert asked == [[5], [section]]  # the nearest in the second section is its first
    assert given[5] is faces[5]
    assert np.concatenate([each.lips for each in given[:section]]) == pytest.approx(lips[[5] * section], abs=1e-5)
    assert given[-1].lips[0] == pytest.approx(lips[section], abs=1e-5)


def test_the_editor_fetches_the_frames_that_it_draws(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owns, lenders = dict[int, Crops](), dict[int, Crops]()

    class Spy(MouthLender):
        def __call__(self, own: Crops, number: int) -> Crops:
            owns[number] = own
            given = super().__call__(own, number)
            lenders.update(self._lenders)
            return given

    monkeypatch.setattr(draw, "MouthLender", Spy)
    write_wav(tmp_path / "new.wav", np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32))
    editor.edit(second, tmp_path / "out.mp4", Wanted(Timeline(), audio=tmp_path / "new.wav"), FAST, None)
    assert sorted(owns) == list(range(30))
    assert lenders
    for number, lender in lenders.items():
        assert np.array_equal(lender.images, owns[number].images)
        assert np.array_equal(lender.landmarks, owns[number].landmarks)


def test_a_film_that_cannot_seek_is_decoded_once_for_all_mouths(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sections of a tenth of a second, each would else be decoded from the first frame: 15 frames for each one."""
    film = remake(second, tmp_path / "film.ts", "-an")
    write_wav(tmp_path / "new.wav", np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32))
    wanted, frames, n_decoded = Wanted(Timeline(), audio=tmp_path / "new.wav"), Decoder.frames, 0

    def counted(decoder: Decoder, near_s: Fraction | None = None):
        nonlocal n_decoded
        for each in frames(decoder, near_s):
            n_decoded += near_s is not None  # as only those are that are not read from the first frame on
            yield each

    monkeypatch.setattr(Decoder, "frames", counted)
    monkeypatch.setattr(mouths, "SECTION_S", 0.1)
    asked = list[int]()
    fetch = draw._Draughtsman._fetch
    monkeypatch.setattr(draw._Draughtsman, "_fetch", lambda *args: asked.append(len(args[-1])) or fetch(*args))
    report = editor.edit(film, tmp_path / "out.mp4", wanted, FAST, None)
    assert report.n_edited == 30
    assert len(asked) > 5
    assert n_decoded <= 30


def test_frames_whose_face_was_only_interpolated_lend_no_mouth(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable: list[np.ndarray] = []

    class Spy(MouthLender):
        def __init__(self, *args) -> None:
            usable.append(args[3])
            super().__init__(*args)

    monkeypatch.setattr(draw, "MouthLender", Spy)
    measured = editor.measure(second)
    assert (measured.bridged, measured.gaps) == ([], [])
    measured.seen[12:17] = False
    assert (measured.bridged, measured.gaps) == ([(12, 16)], [])
    monkeypatch.setattr(Measurer, "measure", lambda *_: measured)
    write_wav(tmp_path / "new.wav", np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32))
    report = editor.edit(second, tmp_path / "out.mp4", Wanted(Timeline(), audio=tmp_path / "new.wav"), FAST, None)
    assert report.n_edited == 30
    assert [np.flatnonzero(~each).tolist() for each in usable] == [[12, 13, 14, 15, 16]]


def test_lips_of_the_faces_here() -> None:
    """By hand: 14 px over 40 px between the outer eye corners, and mouth corners that are one point."""
    shapes = opening_and_width(torch.from_numpy(face(14).lips))
    assert shapes.tolist() == [pytest.approx([14 / 40, 0], abs=0.003)]  # lips are a little further away than the nose

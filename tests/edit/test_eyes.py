"""Shut eyes that are to be opened get those of another frame."""

import numpy as np
import pytest

from talkedit.edit.eyes import LENDERS, MIN_GAIN, OPEN_FROM, EyeLender, first_lender
from talkedit.edit.renderer import Crops

SIDE_PX = 100
SKIN, OPEN_EYE = 120, 250
CORNERS = [36, 39, 42, 45]


def crops(openness: list[float], shift_px: list[float] | None = None, turn_deg: float = 0) -> Crops:
    """Grey faces; their eyes are discs of the crop's grey, 20 px wide, about (30, 40) and (70, 40), then moved."""
    n, images, points = len(openness), [], []
    for value, shift in zip(openness, shift_px or [0.0] * n, strict=True):
        angle, eyes = np.deg2rad(turn_deg), np.full((68, 2), 50.0)
        for first, middle in ((36, 30.0), (42, 70.0)):
            height = 4 * value
            eye = [(-10, 0), (-3, -height), (3, -height), (10, 0), (3, height), (-3, height)]
            eyes[first : first + 6] = np.array(eye) + np.array([middle, 40])
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        eyes = (eyes - 50) @ rotation.T + np.array([50 + shift, 50])
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
        image = np.full((SIDE_PX, SIDE_PX, 3), SKIN, np.uint8)
        if value >= OPEN_FROM:
            for first in (36, 42):
                middle = (eyes[first] + eyes[first + 3]) / 2
                image[np.hypot(x - middle[0], y - middle[1]) < 4] = OPEN_EYE
        images.append(image)
        points.append((eyes + 0.5) / SIDE_PX)
    heads, camera = np.zeros((n, 3, 4), np.float32), np.zeros((n, 3), np.float32)
    landmarks, emotion = np.stack(points).astype(np.float32), np.zeros((n, 7), np.float32)
    return Crops(np.stack(images), heads, camera, np.zeros((n, 3, 3)), landmarks, asked(*openness), emotion)


def asked(*openness: float) -> np.ndarray:
    return np.array(openness, np.float32)


def same(a: Crops, b: Crops) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("images", "landmarks", "eye_openness"))


def test_shut_eyes_that_are_to_be_opened_are_those_of_the_widest_frame_before() -> None:
    frames = crops([0.6, 0.8, 0.5, 0.1])
    given = EyeLender()(frames, asked(0.7, 0.7, 0.7, 0.7))
    assert same(given.take(slice(0, 3)), frames.take(slice(0, 3)))
    assert given.eye_openness[3] == np.float32(0.8)
    assert given.landmarks[3] == pytest.approx(frames.landmarks[1], abs=1e-5)
    assert np.abs(given.images[3].astype(int) - frames.images[1]).max() <= 1
    assert (frames.images[3] == SKIN).all()  # what was given in is left alone


@pytest.mark.parametrize("turn_deg", [0, 12])
def test_they_are_moved_to_where_the_eyes_are(turn_deg: float) -> None:
    lender, borrower = EyeLender(), crops([0.1], [6.0], turn_deg)
    lender(crops([0.8]), asked(0.8))
    given = lender(borrower, asked(0.8))
    wanted = crops([0.8], [6.0], turn_deg)
    assert given.landmarks[0, 36:48] == pytest.approx(wanted.landmarks[0, 36:48], abs=1e-4)
    assert given.landmarks[0, :36] == pytest.approx(borrower.landmarks[0, :36])
    difference = np.abs(given.images[0].astype(int) - wanted.images[0]).max(axis=2)
    edge = np.abs(np.array(wanted.images[0, :, :, 0], int) - SKIN) > 0
    assert difference[~edge].mean() < 0.5
    assert (given.images[0, :, :, 0] > (SKIN + OPEN_EYE) / 2).sum() == pytest.approx(edge.sum(), rel=0.15)


def test_what_lies_away_from_the_eyes_stays() -> None:
    lender, bright = EyeLender(), crops([0.8])
    lender(bright.take(slice(0, 1)), asked(0.8))
    bright.images[:, 60:] = 10  # of the lender's own picture, far from the eyes
    given = lender(crops([0.1]), asked(0.8))
    assert (given.images[0, 60:] == SKIN).all()
    assert (given.images[0, :20] == SKIN).all()


@pytest.mark.parametrize(
    ("openness", "wanted"),
    [(0.7, 1.0), (0.1, 0.1 + MIN_GAIN - 0.01), (0.1, 0.0), (0.66, 1.0)],
    ids=["open enough to be stretched", "hardly to be opened", "to be shut", "hardly less open than the lender"],
)
def test_others_are_left_alone(openness: float, wanted: float) -> None:
    lender, frame = EyeLender(), crops([openness])
    lender(crops([0.8]), asked(0.8))
    assert same(lender(frame, asked(wanted)), frame)


def test_without_an_open_eye_before_nothing_is_lent_but_what_was_looked_up_ahead() -> None:
    frames = crops([0.1, 0.2, 0.8])
    assert same(EyeLender()(frames, asked(0.8, 0.8, 0.8)), frames)
    given = EyeLender(frames.take(slice(2, 3)))(frames, asked(0.8, 0.2, 0.8))
    assert given.eye_openness == pytest.approx([0.8, 0.2, 0.8])
    assert np.abs(given.images[0].astype(int) - frames.images[2]).max() <= 1


@pytest.mark.parametrize(
    ("shown", "wanted", "lender"),
    [
        ([0.1, 0.2, 0.5, 0.9, 0.6], [0.8] * 5, 3),
        ([0.1, 0.5] + [0.6] * LENDERS + [1.0], [0.8] * (LENDERS + 3), 2),  # what comes more than a second later is not
        ([0.1, 0.2, 0.7, 0.9, 0.6], [0.1, 0.2, 0.8, 0.8, 0.8], None),
        ([0.5, 0.9, 0.6], [0.9, 0.9, 0.9], 1),
        ([0.6, 0.1, 0.9], [0.8] * 3, None),
        ([0.1, 0.2, 0.3], [0.8] * 3, None),
    ],
    ids=["the widest of a second", "no further", "nothing to open", "half open", "open from the start", "never open"],
)
def test_a_shot_that_begins_with_shut_eyes_borrows_from_ahead(
    shown: list[float], wanted: list[float], lender: int | None
) -> None:
    assert first_lender(asked(*shown), asked(*wanted)) == lender


def test_no_more_than_a_second_is_remembered() -> None:
    lender = EyeLender()
    lender(crops([0.9] + [0.75] * LENDERS), np.full(LENDERS + 1, 0.75, np.float32))
    assert lender(crops([0.1]), asked(0.9)).eye_openness.tolist() == [0.75]


def test_half_open_eyes_that_would_be_torn_are_those_of_a_wider_frame() -> None:
    # From 0.5 to 1 the lids would be drawn to 2.1 of their distance, from 0.5 to 0.65 to 1.3.
    given = EyeLender()(crops([1.0, 0.5, 0.5]), asked(1.0, 1.0, 0.65))
    assert given.eye_openness.tolist() == [1.0, 1.0, 0.5]

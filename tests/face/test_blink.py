import numpy as np
import pytest

from talkedit.face.blink import EarBlink
from talkedit.records import CropTrack

NO_CROPS = np.zeros((0, 0, 0, 3), np.uint8)


def _track(ears: list[float]) -> CropTrack:
    landmarks = np.zeros((len(ears), 68, 2), np.float32)
    for row, ear in zip(landmarks, ears, strict=True):
        for first in (36, 42):  # eyes 10 px wide
            row[first : first + 6] = [(0, 0), (3, -5 * ear), (7, -5 * ear), (10, 0), (7, 5 * ear), (3, 5 * ear)]
    return CropTrack(64, np.tile(np.eye(3), (len(ears), 1, 1)), landmarks, (64, 64))


def test_the_scale_is_the_papers() -> None:
    openness = EarBlink(ear_closed=0.15, ear_open=0.35)(NO_CROPS, _track([0.1, 0.15, 0.25, 0.33, 0.4]), 25)
    assert openness.shape == (5, 1)
    assert openness[:, 0] == pytest.approx([0, 0, 0.5, 0.9, 1], abs=1e-6)


def test_the_sample_blinks(sample_crop_track: CropTrack) -> None:
    openness = EarBlink(0.15, 0.35)(NO_CROPS, sample_crop_track, 29.97)[:, 0]
    closed = openness < 0.25
    n_blinks = int((closed[1:] & ~closed[:-1]).sum())
    assert n_blinks >= 2
    assert openness.min() < 0.15
    assert 0.5 < np.median(openness) < 0.9

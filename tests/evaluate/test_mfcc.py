"""The coefficients are those of python_speech_features 0.6, which printed the numbers here."""

import numpy as np
import pytest

from talkedit.evaluate.mfcc import mfcc

TOLERANCE = 1e-3
TONE = [19.5121, 26.0422, 9.4316, -7.5685, -21.8656, -29.2096, -25.8788]
TONE += [-15.1924, -0.2084, 12.5063, 19.9503, 19.1344, 12.2578]
CLICK = [19.382, -36.7204, -10.4431, -12.4164, -6.7392, -6.9361, -4.7173]
CLICK += [-5.2468, -4.2477, -4.3617, -3.0988, -3.068, -2.493]


def test_a_tone() -> None:
    tone = (10000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)).astype(np.int16)
    np.testing.assert_allclose(mfcc((tone / 32768).astype(np.float32), 16000)[:, 3], TONE, atol=TOLERANCE)


def test_a_click_among_silence() -> None:
    click = np.zeros(4000, np.float32)
    click[1000] = 0.5
    found = mfcc(click, 16000)
    np.testing.assert_allclose(found[:, 5], CLICK, atol=TOLERANCE)
    np.testing.assert_allclose(found[:, 0], [np.log(np.finfo(float).eps), *[0] * 12], atol=TOLERANCE)


@pytest.mark.parametrize(("n", "frames"), [(100, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16000, 99)])
def test_the_last_frame_is_filled_up(n: int, frames: int) -> None:
    assert mfcc(np.ones(n, np.float32), 16000).shape == (13, frames)

"""Levels of speech against sounds whose levels are known."""

import numpy as np
import pytest

from talkedit.media.speech import speech_bands_db, speech_share

from .films import tone


def test_a_tone_is_in_its_band_and_as_loud_as_it_is_later() -> None:
    samples = tone(16_000, 16_000)
    samples[8_000:] /= 10  # 20 dB down in the second half
    levels = speech_bands_db(samples, 25)
    assert levels.shape == (6, 25)
    assert levels.mean(axis=1).argmax() == 1  # 440 Hz lies between 250 and 500 Hz
    assert levels[1, 6] - levels[1, 18] == pytest.approx(20, abs=0.1)


def test_levels_are_those_of_the_frames_own_time() -> None:
    samples = np.zeros(32_000, np.float32)
    samples[16_000:] = tone(16_000, 16_000)
    level = speech_bands_db(samples, 50)[1]
    assert level[23] < level.max() - 40
    assert level[27] > level.max() - 1


def test_a_band_without_sound_stays_at_its_floor() -> None:
    assert np.ptp(speech_bands_db(np.zeros(16_000, np.float32), 25)) == 0


@pytest.mark.parametrize(("n_loud", "share"), [(0, 0.0), (4_000, 0.25), (16_000, 1.0)])
def test_share_of_speech(n_loud: int, share: float) -> None:
    samples = np.concatenate([tone(n_loud, 16_000), np.full(16_000 - n_loud, 1e-4, np.float32)])
    assert speech_share(samples) == pytest.approx(share, abs=0.02)
    assert speech_share(samples[:10]) == 0

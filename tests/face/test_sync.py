"""Offsets between sound and picture: made-up ones that are known, and real ones."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from talkedit.face.geometry import fill_gaps
from talkedit.face.sync import (
    MAX_LAG,
    WEIGHTS,
    Offset,
    fit_weights,
    lag_curve,
    mouth_shape,
    pooled_offset,
    speech_shape,
)
from talkedit.face.track import FaceTracker
from talkedit.media.audio import read_audio
from talkedit.media.video import probe, read_frames_at
from talkedit.records import Doubles

from .talker import SAMPLES_PER_FRAME, babble, mouth_points

N_FRAMES = 100
WEIGHT_TOLERANCE = 2e-4


def curve_of(late_frames: int, seed: int = 0) -> Doubles:
    samples = babble(N_FRAMES, seed)
    return lag_curve(mouth_shape(mouth_points(samples, N_FRAMES, late_frames)), speech_shape(samples, N_FRAMES))


@pytest.mark.parametrize("late_frames", [-7, 0, 5])
def test_a_known_offset_is_found(late_frames: int) -> None:
    curve = curve_of(late_frames)
    assert curve.shape == (2 * MAX_LAG + 1,)
    assert curve.max() > 0.5
    found = pooled_offset([curve], [N_FRAMES])
    assert found.frames == late_frames
    assert found.certainty > 1


def test_unrelated_sound_is_not_certain() -> None:
    curves = []
    for seed in range(20):
        mouth = mouth_shape(mouth_points(babble(N_FRAMES, seed), N_FRAMES, 0))
        curves.append(lag_curve(mouth, speech_shape(babble(N_FRAMES, seed + 100), N_FRAMES)))
    certain = [pooled_offset([curve], [N_FRAMES]).certainty >= 1 for curve in curves]
    assert sum(certain) <= 1
    assert pooled_offset(curves, [N_FRAMES] * 20).certainty < 1


def test_a_longer_clip_counts_for_more_and_length_makes_certain() -> None:
    early, late = curve_of(-3), curve_of(6, seed=1)
    assert pooled_offset([early, late], [100, 300]).frames == 6
    assert pooled_offset([early, late], [300, 100]).frames == -3
    once, four_times = pooled_offset([late], [100]), pooled_offset([late] * 4, [100] * 4)
    assert four_times.certainty == pytest.approx(2 * once.certainty)


def test_a_mouth_or_a_sound_that_does_not_change_says_nothing() -> None:
    still = np.tile(mouth_points(babble(N_FRAMES), N_FRAMES, 0)[:1], (N_FRAMES, 1, 1))
    silence = np.zeros(N_FRAMES * SAMPLES_PER_FRAME, np.float32)
    curve = lag_curve(mouth_shape(still), speech_shape(babble(N_FRAMES), N_FRAMES))
    assert pooled_offset([curve], [N_FRAMES]).certainty == pytest.approx(0, abs=0.01)
    curve = lag_curve(mouth_shape(mouth_points(babble(N_FRAMES), N_FRAMES, 0)), speech_shape(silence, N_FRAMES))
    assert pooled_offset([curve], [N_FRAMES]).certainty == pytest.approx(0, abs=0.01)


def test_weights_are_found_again_from_mouths_that_follow_them() -> None:
    """Bands alike in nothing, of deviation 1, over T frames: the ridge holds the weights back by T / (T + 100).

    Of made-up speech, whose bands rise and fall together (correlation 0.95), 1,200 frames gave back 0.79, 12,000 0.98.
    """
    n_frames = 20_000
    speech = np.random.default_rng(0).normal(size=(6, n_frames))
    padded = np.pad(speech, ((0, 0), (2, 2)), mode="edge")
    mouth = np.asarray(WEIGHTS) @ np.concatenate([padded[:, i : i + n_frames] for i in range(5)])
    held_back = n_frames / (n_frames + 100)
    assert fit_weights([(mouth, speech)]) == pytest.approx(held_back * np.asarray(WEIGHTS), abs=WEIGHT_TOLERANCE)


def real_offset(path: Path, n_frames: int) -> Offset:
    info = probe(path)
    frames = read_frames_at(path, [Fraction(i, 25) for i in range(n_frames)])
    track = FaceTracker(5, 0.4).track(frames, (info.width_px, info.height_px), 25.0)
    sound = read_audio(path)
    assert sound is not None
    speech = speech_shape(sound[: n_frames * SAMPLES_PER_FRAME], n_frames)
    mouth = mouth_shape(fill_gaps(track.landmarks_px, track.found))
    return pooled_offset([lag_curve(mouth, speech)], [n_frames])


def test_real_sound_that_is_late_by_five_frames(shared_media: Path) -> None:
    offset = real_offset(shared_media / "cases" / "audio_late_5_frames.mp4", 125)
    assert abs(offset.frames - 5) <= 1
    assert offset.certainty > 1


def test_real_sound_in_sync(shared_media: Path) -> None:
    """Of sentences that the weights have not seen: they begin with neither b nor s."""
    offsets = [real_offset(shared_media / "grid_s1" / f"{name}.mp4", 74) for name in ("lgaz7s", "prwq4p", "pwip8p")]
    assert all(abs(offset.frames) <= 1 for offset in offsets), offsets

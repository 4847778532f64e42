"""How loud speech is in each frame of the picture, by bands: what lips are held against."""

import numpy as np
from numpy.typing import NDArray

from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Doubles, Floats

BAND_EDGES_HZ = (80, 250, 500, 1000, 2000, 4000, 7500)
_RANGE_DB = 50.0  # under the loudest moment of a band; below that is the room
_WINDOW, _HOP = 400, 160  # 25 ms, every 10 ms
_SPEECH_UNDER_PEAK_DB, _SILENCE_DB = 25.0, -60.0


def speech_bands_db(samples: Floats, n_frames: int) -> Doubles:
    """Level of six bands around the time of each frame.

    Args:
        samples: (n,) float32 at 16 kHz, the first at the time of the first frame.
        n_frames: Frames at 25 fps.

    Returns:
        (6, n_frames) float64, dB; in each band no more than 50 dB below its maximum.
    """
    power = _spectra(samples)
    edges = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ).searchsorted(BAND_EDGES_HZ)
    levels = 10 * np.log10(np.add.reduceat(power, edges, axis=1)[:, :-1] + 1e-7)
    levels = np.maximum(levels, levels.max(axis=0) - _RANGE_DB)
    at_s = np.arange(len(power)) * _HOP / SAMPLE_RATE_HZ
    frames_s = np.arange(n_frames) / float(CLIP_FPS)
    steady = [np.convolve(np.pad(band, 2, mode="edge"), np.full(5, 0.2), "valid") for band in levels.T]
    return np.stack([np.interp(frames_s, at_s, band) for band in steady])


def speech_share(samples: Floats) -> float:
    """Share of the time, 0 to 1, in which somebody speaks: of pieces of 25 ms, those that are `spoken`."""
    n = len(samples) // _WINDOW
    if n == 0:
        return 0.0
    blocks = samples[: n * _WINDOW].reshape(n, _WINDOW).astype(np.float64)
    levels = 10 * np.log10((blocks**2).mean(axis=1) + 1e-12)
    return float(spoken(levels).mean())


def spoken(levels_db: Doubles) -> NDArray[np.bool_]:
    """Which of (n,) levels are within 25 dB of the loudest, and no silence at all."""
    return levels_db > max(levels_db.max() - _SPEECH_UNDER_PEAK_DB, _SILENCE_DB)


def _spectra(samples: Floats) -> Doubles:
    """(n, 201) power, the middle of window i at sample i * _HOP."""
    padded = np.pad(samples.astype(np.float64), _WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    return np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1) / (_WINDOW / 4)) ** 2

"""Mel-frequency cepstral coefficients as SyncNet hears them. Pure.

Variant: that of the package python_speech_features with its default values, which SyncNet's evaluation calls: samples
as 16 bit integers, pre-emphasis 0.97, frames of 25 ms every 10 ms without a window, power spectrum of 512 points, 26
triangles from 0 Hz to half the rate on the mel scale, logarithm, orthonormal DCT-II, lifter 22, and the logarithm of
the frame's energy in the place of coefficient 0.
"""

import numpy as np

from talkedit.records import Doubles, Floats

N_COEFFICIENTS = 13
STEPS_PER_S = 100

_FRAME_S, _N_FFT, _N_FILTERS = 0.025, 512, 26
_PRE_EMPHASIS, _LIFTER = 0.97, 22
_FULL_SCALE = 32768
_LEAST = np.finfo(np.float64).eps


def mfcc(samples: Floats, sample_rate_hz: int) -> Floats:
    """The coefficients of a clip.

    Args:
        samples: (n,) mono, full scale at -1 and 1.
        sample_rate_hz: Their rate.

    Returns:
        (13, T) float32, 100 a second: frame i begins at i / 100 s; the last one is filled up with silence.
    """
    signal = np.round(samples.astype(np.float64) * _FULL_SCALE)
    signal = np.append(signal[:1], signal[1:] - _PRE_EMPHASIS * signal[:-1])
    power = np.abs(np.fft.rfft(_frames(signal, sample_rate_hz), _N_FFT)) ** 2 / _N_FFT
    energy = _positive(power.sum(axis=1))
    loudness = np.log(_positive(power @ _triangles(sample_rate_hz).T))
    order = np.arange(N_COEFFICIENTS)
    coefficients = loudness @ _cosines().T * (1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER))
    coefficients[:, 0] = np.log(energy)
    return coefficients.T.astype(np.float32)


def _frames(signal: Doubles, sample_rate_hz: int) -> Doubles:
    length, step = round(_FRAME_S * sample_rate_hz), sample_rate_hz // STEPS_PER_S
    n_frames = 1 + max(-(-(len(signal) - length) // step), 0)
    padded = np.pad(signal, (0, max((n_frames - 1) * step + length - len(signal), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::step][:n_frames]


def _triangles(sample_rate_hz: int) -> Doubles:
    """(26, 257); their corners lie on whole bins of the spectrum."""
    most_mel = 2595 * np.log10(1 + sample_rate_hz / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, most_mel, _N_FILTERS + 2) / 2595) - 1)
    corners = np.floor((_N_FFT + 1) * corners_hz / sample_rate_hz)
    low, top, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bins = np.arange(_N_FFT // 2 + 1)
    rising, falling = (bins - low) / np.maximum(top - low, 1), (high - bins) / np.maximum(high - top, 1)
    return np.where((bins >= low) & (bins < top), rising, np.where((bins >= top) & (bins < high), falling, 0.0))


def _cosines() -> Doubles:
    """(13, 26), the first rows of the orthonormal DCT-II."""
    angles = np.pi / _N_FILTERS * np.outer(np.arange(N_COEFFICIENTS), np.arange(_N_FILTERS) + 0.5)
    return np.cos(angles) * np.sqrt(np.where(np.arange(N_COEFFICIENTS) == 0, 1, 2) / _N_FILTERS)[:, None]


def _positive(values: Doubles) -> Doubles:
    return np.where(values == 0, _LEAST, values)

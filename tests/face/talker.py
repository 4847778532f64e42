"""A mouth that follows a sound exactly as `talkedit.face.sync` expects, and so with a known offset."""

import numpy as np

from talkedit.face.sync import WEIGHTS, speech_shape
from talkedit.records import SAMPLE_RATE_HZ, Doubles, Floats

SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // 25


def babble(n_frames: int, seed: int = 0) -> Floats:
    """Noise whose loudness changes eight times a second, at 16 kHz."""
    rng = np.random.default_rng(seed)
    n = n_frames * SAMPLES_PER_FRAME
    loudness = np.interp(
        np.arange(n), np.arange(0, n + 2_000, 2_000), rng.uniform(0.01, 1, n // 2_000 + 1 + (n % 2_000 > 0))
    )
    return (0.2 * loudness * rng.normal(size=n)).clip(-1, 1).astype(np.float32)


def mouth_points(samples: Floats, n_frames: int, late_frames: int) -> Doubles:
    """(T, 68, 2) of a face whose mouth moves with a sound that is heard `late_frames` after it.

    Args:
        samples: What is heard in these frames.
        n_frames: T.
        late_frames: How late it is heard.
    """
    speech = speech_shape(samples, n_frames)
    padded = np.pad(speech, ((0, 0), (2, 2)), mode="edge")
    context = np.concatenate([padded[:, i : i + n_frames] for i in range(5)])
    height, width = np.roll(np.asarray(WEIGHTS)[2:] @ context, -late_frames, axis=1)
    points = np.tile(np.random.default_rng(1).uniform(20, 60, (68, 2)), (n_frames, 1, 1))
    points[:, 36:42], points[:, 42:48] = (30, 30), (50, 30)
    for upper, lower in ((50, 58), (51, 57), (52, 56)):
        points[:, upper, 1], points[:, lower, 1] = 45, 50 + height
        points[:, upper, 0] = points[:, lower, 0] = 40
    points[:, 48], points[:, 54] = (35, 47), np.stack([45 + width, np.full(n_frames, 47)], axis=1)
    return points

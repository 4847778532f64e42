"""The speech of a video as the networks hear it, in memory that hardly grows with its length."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talkedit.media.audio import (
    MEL_SILENCE,
    MEL_STEPS_PER_S,
    N_MELS,
    mel_spectrogram,
    mel_windows,
    read_audio,
    read_sound,
)
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Doubles, Floats

HOP = SAMPLE_RATE_HZ // MEL_STEPS_PER_S
PIECE_STEPS = 30 * MEL_STEPS_PER_S  # spectra of more at once would take tens of megabytes a minute
MARGIN_STEPS = 4  # a step hears 400 samples to either side, and the one before those


@dataclass(frozen=True)
class Speech:
    """What is heard beside a video.

    Attributes:
        mel: (80, n_steps).
        seconds: How long the sound is; 0 where there is none.
        is_new: It is not the video's own: the lips follow it. Otherwise they stay as they are.
    """

    mel: Floats
    seconds: float
    is_new: bool = False

    def at(self, times_s: Doubles) -> Floats:
        """(T, 80, 16), what is heard at frames that are shown at these times."""
        # Training hears the speech around the middle of a frame's time at 25 fps; here each frame's own time counts.
        return mel_windows(self.mel, times_s + 0.5 / float(CLIP_FPS))


def listen(source: Path, audio: Path | None = None) -> Speech:
    """The speech of a video, or of a sound file that begins with the video's first frame.

    Raises:
        MediaError: One of them cannot be read.
    """
    samples = read_audio(source) if audio is None else read_sound(audio)
    if samples is None:
        return Speech(np.full((N_MELS, 1), MEL_SILENCE, np.float32), 0.0)
    return Speech(mel_in_pieces(samples), len(samples) / SAMPLE_RATE_HZ, is_new=audio is not None)


def mel_in_pieces(samples: Floats) -> Floats:
    """`mel_spectrogram`, the same numbers, piece by piece."""
    n_steps, parts = 1 + len(samples) // HOP, []
    for start in range(0, n_steps, PIECE_STEPS):
        stop, heard_from = min(start + PIECE_STEPS, n_steps), max(start - MARGIN_STEPS, 0)
        piece = mel_spectrogram(samples[heard_from * HOP : (stop + MARGIN_STEPS) * HOP])
        parts.append(piece[:, start - heard_from : stop - heard_from])
    return np.concatenate(parts, axis=1)

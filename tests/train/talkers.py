"""People whose mouth opens with the loudness of their voice, or of another one's."""

from dataclasses import replace

import cv2
import numpy as np

from talkedit.records import Floats, Image
from talkedit.shards.samples import Sample

from .. import tiny


def make_talker(clip_id: str, split: str, seed: int, dubbed: bool = False, n_frames: int = 80) -> Sample:
    """A clip of a mouth in a grey picture; the voice is random, and the mouth is as open as it is loud.

    Args:
        clip_id: Its name.
        split: ``train`` or ``validation``.
        seed: Of the voice.
        dubbed: The voice is another one's, and the mouth has nothing to do with it.
        n_frames: Its length.
    """
    mouth = loudness(n_frames, seed)
    voice = loudness(n_frames, seed + 1000) if dubbed else mouth
    steps = np.minimum(
        np.arange(round(n_frames * tiny.MEL_STEPS_PER_FRAME) + 1) / tiny.MEL_STEPS_PER_FRAME, n_frames - 1
    )
    mel = np.tile(np.interp(steps, np.arange(n_frames) + 0.5, voice) * 8 - 4, (80, 1)).astype(np.float32)
    crops = tiny._video([draw(openness) for openness in mouth])
    return replace(tiny.make_sample(clip_id, split, seed, n_frames), crops_mp4=crops, mel=mel)


def loudness(n_frames: int, seed: int) -> Floats:
    """(n,) 0..1: syllables of 2 to 5 frames, loud and quiet."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.random(n_frames), rng.integers(2, 6, n_frames))[:n_frames]
    return levels.astype(np.float32)


def draw(openness: float) -> Image:
    """A crop with a mouth, 0 closed to 1 open."""
    image = np.full((tiny.CROP_PX, tiny.CROP_PX, 3), 160, np.uint8)
    cv2.ellipse(image, (20, 28), (7, round(8 * openness)), 0, 0, 360, (60, 10, 10), -1, cv2.LINE_AA)
    return image

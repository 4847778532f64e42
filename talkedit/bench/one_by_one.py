"""How Wav2Lip reads its training data: a folder of JPEGs a clip, and the sound as a WAV file, decoded for every item.

Source: Prajwal et al., "A Lip Sync Expert Is All You Need" (2020), its released training's layout on disk: an item is
five frames in a row, five others of the same clip, and the mel spectrogram of the whole sound, of which it takes 16
steps a frame.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.media.audio import mel_spectrogram, mel_windows, read_wav, write_wav
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ, Floats
from talkedit.shards.clips import decode_crops
from talkedit.shards.index import read_samples

SOUND = "audio.wav"


def unpack(shards: Path, split: str, folder: Path, max_clips: int) -> list[Path]:
    """Writes clips of the shards as Wav2Lip has them; shards hold no sound, so noise of the same length stands for it.

    Returns:
        A folder a clip, each with ``0.jpg``, ``1.jpg``, … at native size and ``audio.wav``.
    """
    random, clips = np.random.default_rng(0), []
    for sample in read_samples(shards, split):
        if len(clips) == max_clips:
            break
        clip = folder / sample.clip_id
        clip.mkdir()
        for index, crop in enumerate(decode_crops(sample)):
            cv2.imwrite(str(clip / f"{index}.jpg"), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
        n_samples = int(sample.n_frames * SAMPLE_RATE_HZ / CLIP_FPS)
        write_wav(clip / SOUND, random.normal(0, 0.1, n_samples).astype(np.float32))
        clips.append(clip)
    return clips


def read_item(
    clip: Path, image_px: int, n_frames: int, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]:
    """One training item, read from the disk.

    Returns:
        Frames in a row and other frames, (T, px, px, 3) uint8 RGB each, and their mel windows (T, 80, 16).
    """
    n_total = len(list(clip.glob("*.jpg")))
    first, other = (int(random.integers(n_total - n_frames + 1)) for _ in range(2))
    target, source = (
        np.stack([_read_jpeg(clip / f"{start + index}.jpg", image_px) for index in range(n_frames)])
        for start in (first, other)
    )
    sound, _ = read_wav(clip / SOUND)
    times_s = (np.arange(first, first + n_frames) + 0.5) / float(CLIP_FPS)
    return target, source, mel_windows(mel_spectrogram(sound), times_s)


def _read_jpeg(path: Path, image_px: int) -> NDArray[np.uint8]:
    picture = np.asarray(cv2.imread(str(path)), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.resize(picture, (image_px, image_px)), cv2.COLOR_BGR2RGB), np.uint8)

"""How Wav2Lip reads its training data: a folder of JPEGs a clip, and the sound as a WAV file, decoded for every item.

Source: Prajwal et al., "A Lip Sync Expert Is All You Need" (2020), and what its released training does: an item is five
frames in a row and five others of the same clip, each read from its JPEG and resized, and the mel spectrogram of the
whole sound, of which it takes the window at the first frame and those about each of the five. Items are floats, 0..1,
with the lower half of the first five dark, and these once more as they are.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkedit.media.audio import MEL_STEPS_PER_S, MEL_WINDOW_STEPS, mel_spectrogram, mel_windows, write_wav
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One training item, read from the disk.

    Returns:
        Pictures that the network sees, (6, T, px, px), those with the lower half dark first; mel windows of the frames
        (T, 1, 80, 16) and of all of them together (1, 80, 16); and the frames (3, T, px, px). Float32, RGB in 0..1.
    """
    n_total = len(list(clip.glob("*.jpg")))
    first, other = _two_starts(n_total - n_frames + 1, random)
    frames, others = (
        np.stack([_read_jpeg(clip / f"{start + index}.jpg", image_px) for index in range(n_frames)])
        for start in (first, other)
    )
    mel = mel_spectrogram(_read_sound(clip / SOUND))
    start = int(MEL_STEPS_PER_S * first / CLIP_FPS)
    together = mel[:, start : start + MEL_WINDOW_STEPS]
    times_s = (np.arange(first, first + n_frames) + 0.5) / float(CLIP_FPS)
    truth = _to_floats(frames)
    seen = truth.copy()
    seen[:, :, image_px // 2 :] = 0
    # Doubles until here, as in Wav2Lip, where pictures are divided as NumPy divides.
    pictures = torch.from_numpy(np.concatenate([seen, _to_floats(others)])).float()
    windows = torch.from_numpy(mel_windows(mel, times_s))[:, None]
    return pictures, windows, torch.from_numpy(together)[None], torch.from_numpy(truth).float()


def _two_starts(n_starts: int, random: np.random.Generator) -> tuple[int, int]:
    """The first frames of two windows, not the same where there are several."""
    first = int(random.integers(n_starts))
    other = int(random.integers(max(n_starts - 1, 1)))
    return first, other + (other >= first and n_starts > 1)


def _read_jpeg(path: Path, image_px: int) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    return np.asarray(cv2.resize(np.asarray(picture, np.uint8), (image_px, image_px)), np.uint8)


def _read_sound(path: Path) -> Floats:
    import librosa  # noqa: PLC0415 (takes a second)

    samples, _ = librosa.load(path, sr=SAMPLE_RATE_HZ)
    return samples


def _to_floats(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(T, px, px, 3) bytes to (3, T, px, px) in 0..1."""
    return (frames / 255.0).transpose(3, 0, 1, 2)

"""Shards to tensors: every clip of a split decoded once, then windows drawn from memory.

A window is decided by the seed and the step alone, so that a run that goes on from a checkpoint draws exactly the
windows that an uninterrupted one would have drawn.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import psutil
import torch
from av.error import FFmpegError
from torch import Tensor
from torch.nn import functional as F
from webdataset.compat import WebDataset

from talkedit.errors import TalkeditError
from talkedit.media.audio import mel_windows
from talkedit.models.guide import Heads
from talkedit.progress import track
from talkedit.records import CLIP_FPS
from talkedit.shards.samples import PREPARATION, Sample, decode


@dataclass(frozen=True)
class LoadedClip:
    """One clip in memory, T frames.

    Attributes:
        sample: The clip as it stands in the shard.
        pictures: (T, 3, px, px) uint8, the crops at the networks' size.
        mel: (T, 80, 16) float32, the mel window centred on each frame.
        landmarks: (T, 68, 2) float32, shares of the crop's side.
        heads: Where the heads are.
    """

    sample: Sample
    pictures: Tensor
    mel: Tensor
    landmarks: Tensor
    heads: Heads


class Batch(NamedTuple):
    """B windows of T frames; pictures are uint8, heads are window by window (B * T).

    Attributes:
        keys: ``clip:first frame`` of each window.
        target: (B, T, 3, px, px).
        source: (B, T, 3, px, px), other frames of the same clips.
        mel: (B, T, 80, 16).
        pose_deg: (B, T, 3).
        emotion: (B, T, 7).
        eye_openness: (B, T).
        landmarks: (B, T, 68, 2), of the target, shares of the crop's side.
        source_landmarks: (B, T, 68, 2), of the source.
        source_eye_openness: (B, T), of the source.
        target_heads: Of the target frames.
        source_heads: Of the source frames.
    """

    keys: list[str]
    target: Tensor
    source: Tensor
    mel: Tensor
    pose_deg: Tensor
    emotion: Tensor
    eye_openness: Tensor
    landmarks: Tensor
    source_landmarks: Tensor
    source_eye_openness: Tensor
    target_heads: Heads
    source_heads: Heads


def read_samples(folder: Path, split: str) -> Iterator[Sample]:
    """The samples of a split, in the order in which they were written.

    Raises:
        TalkeditError: There is no shard of this split, or one is damaged.
    """
    shards = sorted(str(path) for path in folder.glob(f"{split}-*.tar"))
    if not shards:
        raise TalkeditError(f"{folder}: holds no shard of the {split} split; run `dvc repro shards`")
    try:
        for members in WebDataset(shards, shardshuffle=False, empty_check=False):
            yield decode(members)
    except (tarfile.TarError, OSError) as error:
        raise TalkeditError(
            f"{folder}: a shard of the {split} split is damaged ({error.args[0]}); run `dvc repro -f shards`"
        ) from error


def decode_crops(sample: Sample) -> Iterator[np.ndarray]:
    """The crops at native size, (S, S, 3) uint8 RGB each.

    Raises:
        TalkeditError: The video is damaged, or has not as many frames as the clip.
    """
    n_decoded, problem = 0, "its video is short"
    try:
        with av.open(io.BytesIO(sample.crops_mp4), "r") as container:
            for frame in container.decode(video=0):
                n_decoded += 1
                yield frame.to_ndarray(format="rgb24")
    except FFmpegError as error:
        problem = f"its video cannot be read: {error.strerror}"
    if n_decoded != sample.n_frames:
        raise TalkeditError(f"shard sample {sample.clip_id!r} is damaged ({problem}); run `dvc repro -f shards`")


def load_split(folder: Path, split: str, image_px: int) -> list[LoadedClip]:
    """Decodes a split and keeps it in memory at the networks' size.

    Raises:
        TalkeditError: It would not fit into the memory that is free.
    """
    clips, n_bytes, free_bytes = [], 0, psutil.virtual_memory().available
    for sample in track(read_samples(folder, split), f"loading {split}", "clips"):
        n_bytes += sample.n_frames * (3 * image_px**2 + 80 * 16 * 4)
        if n_bytes > free_bytes:
            raise TalkeditError(
                f"{folder}: the {split} split takes more than the {free_bytes / 1e9:.1f} GB of memory that are free "
                f"at {image_px} px; lower model.image_px or use a machine with more memory"
            )
        clips.append(load_clip(sample, image_px))
    return clips


def load_clip(sample: Sample, image_px: int) -> LoadedClip:
    """Decodes one clip at the networks' size."""
    pictures = torch.stack([shrink(crop, image_px) for crop in decode_crops(sample)])
    times_s = (np.arange(sample.n_frames) + 0.5) / float(CLIP_FPS)
    return LoadedClip(
        sample=sample,
        pictures=pictures,
        mel=torch.from_numpy(mel_windows(sample.mel, times_s)),
        landmarks=torch.from_numpy((sample.track.landmarks_px + 0.5) / sample.track.size_px).float(),
        heads=heads_of(sample),
    )


def shrink(crop: np.ndarray, image_px: int) -> Tensor:
    """A crop (S, S, 3) uint8 at the networks' size, anti-aliased: (3, px, px) uint8."""
    picture = torch.from_numpy(crop).permute(2, 0, 1)[None].float()
    small = F.interpolate(picture, size=(image_px, image_px), mode="bilinear", antialias=True, align_corners=False)
    return small[0].round().clamp(0, 255).to(torch.uint8)


def heads_of(sample: Sample) -> Heads:
    """The heads of all frames of a clip; picture positions are shares of the crop's side."""
    # Crop pixel p lies at share (p + 0.5) / size.
    size_px = sample.track.size_px
    crop_from_picture = np.array([[size_px, 0, -0.5], [0, size_px, -0.5], [0, 0, 1]])
    return Heads(
        camera_from_head=torch.from_numpy(sample.heads).float(),
        camera=torch.from_numpy(sample.camera).float().expand(sample.n_frames, 3),
        frame_from_picture=torch.from_numpy(sample.track.frame_from_crop @ crop_from_picture).float(),
    )


def take_heads(heads: Heads, indices: Tensor) -> Heads:
    """The heads of some frames."""
    return Heads(*(field[indices] for field in heads))


def draw_batch(
    clips: list[LoadedClip], step: int, seed: int, n_windows: int, n_frames: int, in_a_row: bool = True
) -> Batch:
    """The windows of one training step.

    A window is `n_frames` frames of a random clip, long clips more often; its sources are as many other frames of that
    clip, none of them in the window.

    Args:
        clips: A split.
        step: Which step.
        seed: Which run.
        n_windows: B.
        n_frames: T.
        in_a_row: Frames that follow each other, which what judges windows needs. Otherwise any T frames: nearly equal
            frames teach little, and a generator that draws each frame by itself learns much faster from unlike ones.

    Raises:
        TalkeditError: No clip is long enough.
    """
    rng = np.random.default_rng((seed, step))
    n_starts = np.array([max(clip.sample.n_frames - 2 * n_frames + 1, 0) for clip in clips])
    if not n_starts.sum():
        raise TalkeditError(f"no training clip has {2 * n_frames} frames; give longer footage or raise segment.clip_s")
    chosen = rng.choice(len(clips), size=n_windows, p=n_starts / n_starts.sum())
    return stack_windows([_draw_window(clips[index], rng, n_frames, in_a_row) for index in chosen])


def window(clip: LoadedClip, target: Tensor, source: Tensor) -> Batch:
    """One window (B = 1) of the frames `target` with the sources `source`, both (T,) indices into the clip."""
    attributes = clip.sample.attributes
    return Batch(
        keys=[f"{clip.sample.clip_id}:{int(target[0])}"],
        target=clip.pictures[target][None],
        source=clip.pictures[source][None],
        mel=clip.mel[target][None],
        pose_deg=torch.from_numpy(attributes.pose_deg)[target][None],
        emotion=torch.from_numpy(attributes.emotion)[target][None],
        eye_openness=torch.from_numpy(attributes.eye_openness)[target][None],
        landmarks=clip.landmarks[target][None],
        source_landmarks=clip.landmarks[source][None],
        source_eye_openness=torch.from_numpy(attributes.eye_openness)[source][None],
        target_heads=take_heads(clip.heads, target),
        source_heads=take_heads(clip.heads, source),
    )


def _draw_window(clip: LoadedClip, rng: np.random.Generator, n_frames: int, in_a_row: bool) -> Batch:
    n_total = clip.sample.n_frames
    if in_a_row:
        targets = int(rng.integers(n_total - n_frames + 1)) + np.arange(n_frames)
    else:
        targets = rng.choice(n_total, size=n_frames, replace=False)
    others = np.setdiff1d(np.arange(n_total), targets)
    sources = rng.choice(others, size=n_frames, replace=len(others) < n_frames)
    return window(clip, torch.from_numpy(targets), torch.from_numpy(sources))


def stack_windows(windows: list[Batch]) -> Batch:
    """Windows of equal length as one batch."""
    keys = [key for batch in windows for key in batch.keys]
    tensors = [torch.cat([getattr(batch, name) for batch in windows]) for name in Batch._fields[1:-2]]
    heads = [
        Heads(*(torch.cat(parts) for parts in zip(*(getattr(batch, name) for batch in windows), strict=True)))
        for name in Batch._fields[-2:]
    ]
    return Batch._make([keys, *tensors, *heads])


def read_preparation(folder: Path) -> dict[str, Any]:
    """The params under which the crops and the codes were made, by stage.

    Raises:
        TalkeditError: The shards folder is not whole.
    """
    try:
        return json.loads((folder / PREPARATION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkeditError(f"{folder / PREPARATION}: cannot be read; run `dvc repro shards`") from error

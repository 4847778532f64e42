"""Windows of clips, and batches of them."""

from typing import NamedTuple

import torch
from torch import Tensor

from talkedit.models.heads import Heads
from talkedit.shards.clips import LoadedClip


class Window(NamedTuple):
    """T frames of one clip that are trained on together, and what each is drawn from.

    Attributes:
        clip: The clip of the frames.
        target: (T,) indices of these.
        source_clip: The clip of those that they are drawn from: the same, or another one of the person.
        source: (T,) indices in that clip, all different or all the same; none of them is in the window.
    """

    clip: LoadedClip
    target: Tensor
    source_clip: LoadedClip
    source: Tensor


class Batch(NamedTuple):
    """B windows of T frames; pictures are uint8, heads are window by window (B * T).

    Attributes:
        keys: ``clip:first frame`` of each window.
        target: (B, T, 3, px, px).
        source: (B, T, 3, px, px), other frames, of the same or of other clips.
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


def to_batch(windows: list[Window]) -> Batch:
    """Windows of equal length as one batch."""
    clips, sources = [window.clip for window in windows], [window.source_clip for window in windows]
    target, source = [window.target for window in windows], [window.source for window in windows]
    codes = [clip.sample.attributes for clip in clips]
    return Batch(
        keys=[f"{clip.sample.clip_id}:{int(frames[0])}" for clip, frames in zip(clips, target, strict=True)],
        target=_take([clip.pictures for clip in clips], target),
        source=_take([clip.pictures for clip in sources], source),
        mel=_take([clip.mel for clip in clips], target),
        pose_deg=_take([torch.from_numpy(code.pose_deg) for code in codes], target),
        emotion=_take([torch.from_numpy(code.emotion) for code in codes], target),
        eye_openness=_take([_openness(clip) for clip in clips], target),
        landmarks=_take([clip.landmarks for clip in clips], target),
        source_landmarks=_take([clip.landmarks for clip in sources], source),
        source_eye_openness=_take([_openness(clip) for clip in sources], source),
        target_heads=_take_heads(clips, target),
        source_heads=_take_heads(sources, source),
    )


def _openness(clip: LoadedClip) -> Tensor:
    return torch.from_numpy(clip.sample.attributes.eye_openness)


def _take(columns: list[Tensor], frames: list[Tensor]) -> Tensor:
    """Rows of each column, (B, T, ...); every byte is copied once, which is what a batch of large pictures costs."""
    taken = columns[0].new_empty(len(columns), len(frames[0]), *columns[0].shape[1:])
    for row, column, indices in zip(taken, columns, frames, strict=True):
        torch.index_select(column, 0, indices, out=row)
    return taken


def _take_heads(clips: list[LoadedClip], frames: list[Tensor]) -> Heads:
    columns = zip(*(clip.heads for clip in clips), strict=True)
    return Heads(*(_take(list(column), frames).flatten(0, 1) for column in columns))

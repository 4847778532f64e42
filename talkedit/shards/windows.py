"""Windows of clips, and batches of them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from talkedit.models.heads import Heads
from talkedit.shards.clips import NUMBERS, LoadedClip


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
    of_target, target_heads = _take_numbers(clips, target)
    of_source, source_heads = _take_numbers(sources, source)
    return Batch(
        keys=[f"{clip.sample.clip_id}:{int(frames[0])}" for clip, frames in zip(clips, target, strict=True)],
        target=_take_pictures(clips, target),
        source=_take_pictures(sources, source),
        mel=_take([clip.mel for clip in clips], target),
        pose_deg=of_target["pose_deg"],
        emotion=of_target["emotion"],
        eye_openness=of_target["eye_openness"],
        landmarks=of_target["landmarks"],
        source_landmarks=of_source["landmarks"],
        source_eye_openness=of_source["eye_openness"],
        target_heads=target_heads,
        source_heads=source_heads,
    )


def _take(columns: list[Tensor], frames: list[Tensor]) -> Tensor:
    """Rows of each column, (B, T, ...); every byte is copied once, which is what a batch of large pictures costs."""
    taken = columns[0].new_empty(len(columns), len(frames[0]), *columns[0].shape[1:])
    for row, column, indices in zip(taken, columns, frames, strict=True):
        torch.index_select(column, 0, indices, out=row)
    return taken


def _take_pictures(clips: list[LoadedClip], frames: list[Tensor]) -> Tensor:
    """(B, T, 3, px, px), in memory as in the clips: with channels last, copying is copying whole pictures."""
    shown = [indices - clip.shown.start for clip, indices in zip(clips, frames, strict=True)]
    return _take([clip.pictures.permute(0, 2, 3, 1) for clip in clips], shown).permute(0, 1, 4, 2, 3)


def _take_numbers(clips: list[LoadedClip], frames: list[Tensor]) -> tuple[dict[str, Tensor], Heads]:
    """The fields of `NUMBERS`, (B, T, ...) each, and the heads among them."""
    taken = _take([clip.numbers for clip in clips], frames)
    parts = taken.split([math.prod(shape) for shape in NUMBERS.values()], dim=2)
    fields = {
        name: part.reshape(*taken.shape[:2], *shape) for (name, shape), part in zip(NUMBERS.items(), parts, strict=True)
    }
    return fields, Heads(*(fields[name].flatten(0, 1) for name in Heads._fields))

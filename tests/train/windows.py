"""Clips of which everything is given by hand, and windows of them."""

import numpy as np
import torch
from torch import Tensor

from talkedit.models.heads import Heads
from talkedit.records import Attributes, CropTrack
from talkedit.shards.clips import LoadedClip
from talkedit.shards.samples import Sample
from talkedit.shards.windows import Window

T, PX = 5, 24


def make_clip(
    clip_id: str,
    yaw_deg: list[float],
    emotions: list[int] | None = None,
    loudness: list[float] | None = None,
    pictures: Tensor | None = None,
) -> LoadedClip:
    """A clip of as many frames as it has angles.

    Args:
        clip_id: Its name.
        yaw_deg: The yaw of each frame; pitch and roll are 0.
        emotions: The one sure emotion of each frame; neutral if not given.
        loudness: The level of each frame's whole mel window; silent if not given.
        pictures: (N, 3, 24, 24) uint8; black if not given.
    """
    n_frames = len(yaw_deg)
    pose_deg = np.zeros((n_frames, 3), np.float32)
    pose_deg[:, 0] = yaw_deg
    attributes = Attributes(
        pose_deg=pose_deg,
        emotion=np.eye(7, dtype=np.float32)[emotions or [6] * n_frames],
        eye_openness=np.ones(n_frames, np.float32),
    )
    zeros = np.zeros((n_frames, 3, 4), np.float32)
    track = CropTrack(40, np.tile(np.eye(3), (n_frames, 1, 1)), np.zeros((n_frames, 68, 2), np.float32), (160, 120))
    sample = Sample(clip_id, "train", b"", np.zeros((80, 1), "f4"), zeros, np.zeros(3, "f4"), attributes, track)
    level = torch.tensor(loudness or [-4.0] * n_frames)
    return LoadedClip(
        sample=sample,
        shown=range(n_frames),
        pictures=torch.zeros(n_frames, 3, PX, PX, dtype=torch.uint8) if pictures is None else pictures,
        mel=level[:, None, None].expand(n_frames, 80, 16).contiguous(),
        landmarks=torch.rand(n_frames, 68, 2, generator=torch.Generator().manual_seed(0)),
        heads=Heads(torch.zeros(n_frames, 3, 4), torch.zeros(n_frames, 3), torch.zeros(n_frames, 3, 3)),
    )


def window(clip: LoadedClip, first: int) -> Window:
    """The T frames from `first` on."""
    frames = torch.arange(first, first + T)
    return Window(clip, frames, clip, frames)

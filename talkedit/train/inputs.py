"""A batch from the shards to what the networks take: jitter, mask, guided sources, codes."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.build import ModelParams
from talkedit.models.codes import draw_mask, make_codes
from talkedit.models.guide import Sources, guide
from talkedit.models.heads import Heads
from talkedit.models.landmarks import eye_points
from talkedit.models.lids import Eyes
from talkedit.models.lips import Mouth, lip_shape
from talkedit.shards.windows import Batch
from talkedit.train.processes import ALONE, Processes


class Inputs(NamedTuple):
    """What the generator takes, and the truth.

    Attributes:
        source: (B, T, 3 or 6, px, px), 0..1.
        sources: For guided sources, where `source` was taken from, frame by frame (B * T); else None.
        masked: (B, T, 3, px, px), 0..1.
        mel: (B, T, 80, 16).
        codes: pose, emotion, blink, (B, C, T) each.
        truth: (B, T, 3, px, px), 0..1.
        mask: (1, 1, px, px), 1 where the head is drawn.
        landmarks: (B * T, 68, 2), dlib's points in the truth, shares of the side.
    """

    source: Tensor
    sources: Sources | None
    masked: Tensor
    mel: Tensor
    codes: dict[str, Tensor]
    truth: Tensor
    mask: Tensor
    landmarks: Tensor


def make_inputs(batch: Batch, params: ModelParams) -> Inputs:
    """Masks the targets and, for guided sources, makes the sources obey the targets' poses, eyes and lips."""
    truth = batch.target.float() / 255
    source = batch.source.float() / 255
    sources = _guided(batch, source) if params.sources == "guided" else None
    if sources:
        source = sources.layers().unflatten(0, truth.shape[:2])
    mask = draw_mask(params.image_px, params.mask_box, truth.device)
    codes = make_codes(batch.pose_deg, batch.emotion, batch.eye_openness)
    landmarks = batch.landmarks.flatten(0, 1)
    return Inputs(source, sources, truth * (1 - mask), batch.mel, codes, truth, mask, landmarks)


def _guided(batch: Batch, source: Tensor) -> Sources:
    """The sources as they obey; the shape of the lips is read off the targets, as pose and openness are."""
    landmarks = batch.source_landmarks.flatten(0, 1)
    eyes = Eyes(eye_points(landmarks), batch.source_eye_openness.flatten(), batch.eye_openness.flatten())
    asked = lip_shape(batch.landmarks.flatten(0, 1), batch.target_heads)
    mouth = Mouth(landmarks, batch.source_heads, asked)
    return guide(source.flatten(0, 1), batch.source_heads, batch.target_heads, eyes=eyes, mouth=mouth)


def jitter(batch: Batch, share: float, generator: torch.Generator, processes: Processes = ALONE) -> Batch:
    """Shifts and scales the target windows at random, the same for all frames of a window.

    Few frames of footage are otherwise learnt by heart from the ring around the mask.

    Args:
        batch: Windows as they lie in the shards.
        share: Largest shift, as a share of the side, and largest change of scale.
        generator: Where the randomness comes from, on the CPU; the same in all processes.
        processes: Which process's windows these are.

    Returns:
        The batch with other targets, their landmarks and `target_heads` to match.
    """
    n_windows, n_frames = batch.target.shape[:2]
    random = processes.own_rows(torch.rand(processes.n * n_windows, 3, generator=generator))
    random = (random * 2 - 1) * share
    old_from_new = torch.eye(3).repeat(n_windows, 1, 1)
    old_from_new[:, 0, 0] = old_from_new[:, 1, 1] = 1 + random[:, 0]
    old_from_new[:, :2, 2] = random[:, 1:] - random[:, :1] / 2  # scaled about the middle, then shifted
    old_from_new = old_from_new.to(batch.landmarks.device)
    frames = old_from_new.repeat_interleave(n_frames, dim=0)
    heads = batch.target_heads._replace(frame_from_picture=batch.target_heads.frame_from_picture @ frames)
    scale, shift = old_from_new[:, None, None, 0, 0, None], old_from_new[:, None, None, :2, 2]
    target = _resample(batch.target.flatten(0, 1).float(), frames).round().to(torch.uint8)
    return batch._replace(
        target=target.unflatten(0, (n_windows, n_frames)),
        landmarks=(batch.landmarks - shift) / scale,
        target_heads=heads,
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch's tensors on `device`."""
    moved = [
        Heads(*(part.to(device) for part in field)) if isinstance(field, Heads) else field.to(device)
        for field in batch[1:]
    ]
    return Batch._make([batch.keys, *moved])


def _resample(images: Tensor, old_from_new: Tensor) -> Tensor:
    """(N, 3, S, S) seen through (N, 3, 3) transforms of shares of the side."""
    size_px = images.shape[-1]
    ticks = (torch.arange(size_px, device=images.device) + 0.5) / size_px
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    scale = old_from_new[:, (0, 1), (0, 1)][:, None, None]
    positions = torch.stack([x, y], dim=-1) * scale + old_from_new[:, None, None, :2, 2]
    return F.grid_sample(images, positions * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False)

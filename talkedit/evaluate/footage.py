"""Clips decoded at native size, and which of their frames serve as sources."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.edit.choice import Indices, cheapest_path
from talkedit.edit.renderer import Crops, joined, take_attributes
from talkedit.records import POSE, Attributes, Floats, Image
from talkedit.shards.clips import decode_crops
from talkedit.shards.index import Entry, read_sample
from talkedit.shards.samples import Sample

Video = NDArray[np.uint8]  # (T, S, S, 3) RGB

# Frames are compared in these units: one that is off by one of them is equally far in each regard.
POSE_UNIT_DEG, OPENNESS_UNIT = 5.0, 0.2
RING_UNIT = 2.5  # of 255, mean over the picture around the mask, at RING_PX
RING_PX = 48
# Of another source than the frame before, in squares of these units: as bad as being off by one of them for 1.6 s. With
# 10, 20, 40 and 80 lips and speech of 44 of GRID's training clips, drawn from others, go together with a confidence of
# 0.230, 0.236, 0.241 and 0.241 (real frames 0.275); LMD of the mouth is 0.54, 0.54, 0.53, 0.54, of the face 0.63, 0.64,
# 0.64, 0.66, SSIM inside the mask 0.889, 0.890, 0.889, 0.888.
CHANGE_COST = 40.0


@dataclass(frozen=True)
class Footage:
    """N frames and what is known of them.

    Attributes:
        crops: Frames and heads.
        attributes: Codes.
    """

    crops: Crops
    attributes: Attributes

    @property
    def landmarks_px(self) -> Floats:
        """(N, 68, 2) in crop pixels."""
        return (self.crops.landmarks * self.crops.images.shape[1] - 0.5).astype(np.float32)

    def take(self, indices: Indices) -> "Footage":
        """Some of the frames."""
        return Footage(self.crops.take(indices), take_attributes(self.attributes, indices))


def load_footage(sample: Sample, indices: Indices, size_px: int | None = None) -> Footage:
    """Decodes frames of a clip.

    Args:
        sample: The clip.
        indices: Which frames, ascending.
        size_px: Side that the crops are brought to; their own unless given.
    """
    wanted = set(indices.tolist())
    crops = enumerate(islice(decode_crops(sample), int(indices[-1]) + 1))
    images = [crop for index, crop in crops if index in wanted]
    crops = Crops(
        images=np.stack(images),
        camera_from_head=sample.heads[indices],
        camera=np.tile(sample.camera, (len(indices), 1)),
        frame_from_crop=sample.track.frame_from_crop[indices],
        landmarks=sample.track.landmark_shares()[indices],
        eye_openness=sample.attributes.eye_openness[indices],
        emotion=sample.attributes.emotion[indices],
    )
    footage = Footage(crops, take_attributes(sample.attributes, indices))
    return footage if size_px is None else resized(footage, size_px)


def resized(footage: Footage, size_px: int) -> Footage:
    """The same frames with crops of another side."""
    crops = footage.crops
    scale = crops.images.shape[1] / size_px
    if scale == 1:
        return footage
    # Pixel p of the resized crop lies at (p + 0.5) * scale - 0.5 of the stored one.
    stored_from_resized = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    images = np.stack([_resize(image, size_px) for image in crops.images])
    placed = replace(crops, images=images, frame_from_crop=crops.frame_from_crop @ stored_from_resized)
    return replace(footage, crops=placed)


class Sources:
    """Training frames to draw from, evenly spread over all clips. They are decoded once, for clips of any size.

    Args:
        entries: The training clips; only those that a frame is taken of are read.
        max_frames: Most frames to load.
    """

    def __init__(self, entries: Sequence[Entry], max_frames: int) -> None:
        n_total = sum(entry.n_frames for entry in entries)
        chosen = np.unique(np.linspace(0, n_total - 1, min(max_frames, n_total)).round().astype(np.intp))
        self.parts: list[Footage] = []  # of a clip each, at their own size
        first = 0
        for entry in entries:
            own = chosen[(chosen >= first) & (chosen < first + entry.n_frames)] - first
            first += entry.n_frames
            if len(own):
                self.parts.append(load_footage(read_sample(entry), own))

    def at(self, size_px: int) -> Footage:
        """All of them, with crops of one side."""
        return _concatenate([resized(part, size_px) for part in self.parts])


def best_sources(wanted: Footage, sources: Footage, mask: Floats) -> Indices:
    """For each wanted frame the source to draw it from; (N,).

    One like it in what is known beforehand: the picture around the mask, head pose and eye openness. What is around the
    mask tells of hair, clothes and light, which differ from clip to clip by more than any control. It is kept from
    frame to frame unless another one is more like the frames to come by as much as a change costs.

    Args:
        wanted: N frames in a row; what is inside the mask is not looked at.
        sources: Frames of the same size.
        mask: (S, S), 1 where the head is drawn.
    """
    pose = (wanted.attributes.pose_deg[:, None] - sources.attributes.pose_deg[None]) / POSE_UNIT_DEG
    openness = (wanted.attributes.eye_openness[:, None] - sources.attributes.eye_openness[None]) / OPENNESS_UNIT
    theirs = _rings(sources, mask)
    ring = np.stack([np.abs(ours - theirs).mean(axis=(1, 2)) for ours in _rings(wanted, mask)]) / RING_UNIT
    return cheapest_path(np.square(pose).sum(axis=2) + np.square(openness) + np.square(ring), CHANGE_COST)


def nearest_in_landmarks(wanted: Floats, sources: Floats) -> Indices:
    """For each wanted frame the source whose landmarks lie nearest, as shares of the crop's side; (N,)."""
    distances = [np.linalg.norm(points - sources, axis=2).mean(axis=1) for points in wanted]
    return np.argmin(np.stack(distances), axis=1)


def with_control(measured: Attributes, control: str, value: float) -> Attributes:
    """The same codes with one control changed: an angle by `value` degrees, or the openness set to `value`."""
    if control == "eye_openness":
        return replace(measured, eye_openness=np.full_like(measured.eye_openness, value))
    pose = measured.pose_deg.copy()
    pose[:, POSE.index(control.removesuffix("_deg"))] += value
    return replace(measured, pose_deg=pose)


def _resize(image: Image, size_px: int) -> Image:
    shrinks = size_px < image.shape[0]
    resized = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return resized.astype(np.uint8)


def _rings(footage: Footage, mask: Floats) -> Floats:
    """(N, P, 3): the P pixels around the mask, of pictures small enough to compare many."""
    around = cv2.resize(mask, (RING_PX, RING_PX), interpolation=cv2.INTER_AREA) == 0
    return np.stack([_resize(image, RING_PX)[around] for image in footage.crops.images]).astype(np.float32)


def _concatenate(parts: list[Footage]) -> Footage:
    codes = [part.attributes for part in parts]
    return Footage(
        joined([part.crops for part in parts]),
        Attributes(*(np.concatenate([getattr(each, field.name) for each in codes]) for field in fields(Attributes))),
    )

"""Moved lips on real footage, by what reads landmarks: they are where they were asked to be."""

from pathlib import Path

import av
import numpy as np
import torch

from talkedit.face.head import camera_of, locate_heads
from talkedit.face.pose import LandmarkPose
from talkedit.face.track import FaceTracker
from talkedit.models.guide import look_up
from talkedit.models.heads import Heads
from talkedit.models.lips import Mouth, lip_shape, move_lips, opening_and_width
from talkedit.records import CropTrack
from talkedit.shards.clips import heads_in_crops

SIDE_PX = 288  # GRID's frames are 360x288
# Of what is read again over what was asked, of opening and width: dlib sees less of what moves than there is.
LEAST_SLOPES = 0.8, 0.6
MOST_LEFT = 0.4  # of the distance of all points from where they are asked to be


def squares(path: Path) -> np.ndarray:
    """(T, 288, 288, 3), the middle of each frame."""
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    return frames[:, :, 36:-36]


def seen(pictures: np.ndarray) -> tuple[torch.Tensor, Heads]:
    """Landmarks and heads of pictures that are their own crops."""
    size_px = (SIDE_PX, SIDE_PX)
    found = FaceTracker(5, 0.0).track(pictures, size_px, 25.0)
    assert found.found.all()
    where = np.tile(np.eye(3), (len(pictures), 1, 1))
    track = CropTrack(SIDE_PX, where, found.landmarks_px, size_px)
    heads = locate_heads(track, LandmarkPose(0.08)(pictures, track, 25.0), 2.0)
    cameras = np.tile(camera_of(size_px), (len(pictures), 1))
    return torch.from_numpy(track.landmark_shares()), heads_in_crops(heads, cameras, where, SIDE_PX)


def test_lips_are_read_again_as_was_asked(shared_media: Path) -> None:
    """Each frame of a clip is asked for the lips of another one."""
    pictures = squares(sorted((shared_media / "grid_s1").glob("*.mp4"))[0])
    landmarks, heads = seen(pictures)
    own = lip_shape(landmarks, heads)
    asked = own[torch.from_numpy(np.random.default_rng(0).permutation(len(landmarks)))]
    ticks = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    y, x = (axis.expand(len(landmarks), -1, -1) for axis in torch.meshgrid(ticks, ticks, indexing="ij"))
    shift_x, shift_y = move_lips(x, y, Mouth(landmarks, heads, asked))
    positions = torch.stack([x + shift_x, y + shift_y], dim=1) * 2 - 1
    moved = look_up(torch.from_numpy(pictures).permute(0, 3, 1, 2).float(), positions)
    points, _ = seen(moved.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())
    again = lip_shape(points, heads)
    both = (opening_and_width(shapes).T.numpy() for shapes in (asked, again))
    for wanted, read, least in zip(*both, LEAST_SLOPES, strict=True):
        slope, _ = np.polyfit(wanted, read, 1)
        assert least < slope < 2 - least
    off, was_off = ((shapes - asked).norm(dim=2).mean() for shapes in (again, own))
    assert off < MOST_LEFT * was_off

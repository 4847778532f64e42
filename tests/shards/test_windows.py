"""Batches of windows."""

import torch

from talkedit.shards.clips import LoadedClip
from talkedit.shards.windows import Batch, Window, to_batch

from .conftest import IMAGE_PX

T = 5


def test_windows_are_stacked_in_order(clips: list[LoadedClip]) -> None:
    windows = [
        Window(clips[0], torch.arange(0, 5), clips[0], torch.arange(5, 10)),
        Window(clips[1], torch.arange(10, 15), clips[0], torch.arange(0, 5)),
    ]
    batch = to_batch(windows)
    assert batch.keys == ["one:0", "two:10"]
    shapes = {name: tuple(getattr(batch, name).shape) for name in Batch._fields[1:-2]}
    assert shapes == {
        "target": (2, T, 3, IMAGE_PX, IMAGE_PX),
        "source": (2, T, 3, IMAGE_PX, IMAGE_PX),
        "mel": (2, T, 80, 16),
        "pose_deg": (2, T, 3),
        "emotion": (2, T, 7),
        "eye_openness": (2, T),
        "landmarks": (2, T, 68, 2),
        "source_landmarks": (2, T, 68, 2),
        "source_eye_openness": (2, T),
    }
    assert torch.equal(batch.target[1], clips[1].pictures[10:15])
    assert torch.equal(batch.source[0], clips[0].pictures[5:10])
    assert torch.equal(batch.source[1], clips[0].pictures[:5])
    assert torch.equal(batch.mel[1], clips[1].mel[10:15])
    assert batch.pose_deg[1].tolist() == clips[1].sample.attributes.pose_deg[10:15].tolist()
    assert batch.emotion[0].tolist() == clips[0].sample.attributes.emotion[:5].tolist()
    assert batch.eye_openness[0].tolist() == clips[0].sample.attributes.eye_openness[:5].tolist()
    assert torch.equal(batch.landmarks[1], clips[1].landmarks[10:15])
    assert torch.equal(batch.source_landmarks[1], clips[0].landmarks[:5])
    assert batch.source_eye_openness[1].tolist() == clips[0].sample.attributes.eye_openness[:5].tolist()
    # Heads lie window by window: the second window's first frame is row 5.
    assert torch.equal(batch.target_heads.camera_from_head[5], clips[1].heads.camera_from_head[10])
    assert torch.equal(batch.source_heads.frame_from_picture[5], clips[0].heads.frame_from_picture[0])
    assert batch.source_heads.camera.shape == (10, 3)


def test_a_batch_can_be_changed_without_changing_the_clips(clips: list[LoadedClip]) -> None:
    before = clips[0].pictures.clone()
    to_batch([Window(clips[0], torch.arange(5), clips[0], torch.arange(5, 10))]).target.zero_()
    assert torch.equal(clips[0].pictures, before)

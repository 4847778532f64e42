"""What the face tests share: the sample clip decoded, tracked and cropped once."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.face.crop import CropParams, cut, plan_crops
from talkedit.face.track import FaceTracker
from talkedit.media.video import read_frames
from talkedit.records import CropTrack, FaceTrack, Image

SAMPLE_FPS = 29.97
SAMPLE_SIZE_PX = (640, 480)


@pytest.fixture(scope="session")
def crop_params() -> CropParams:
    return CropParams(
        detect_every_n_frames=5,
        max_gap_s=0.4,
        min_found_share=0.9,
        min_face_px=48,
        box_scale=2.2,
        box_shift_y=-0.15,
        smooth_s=0.6,
        max_size_px=512,
        crf=10,
        max_rejected_share=0.5,
    )


@pytest.fixture(scope="session")
def tracker(crop_params: CropParams) -> FaceTracker:
    return FaceTracker(crop_params.detect_every_n_frames, crop_params.max_gap_s)


@pytest.fixture(scope="session")
def sample_frames(sample_clip: Path) -> list[Image]:
    return [frame.image for frame in read_frames(sample_clip)]


@pytest.fixture(scope="session")
def sample_track(sample_frames: list[Image], tracker: FaceTracker) -> FaceTrack:
    return tracker.track(iter(sample_frames), SAMPLE_SIZE_PX, SAMPLE_FPS)


@pytest.fixture(scope="session")
def sample_crop_track(sample_track: FaceTrack, crop_params: CropParams) -> CropTrack:
    return plan_crops(sample_track, SAMPLE_FPS, crop_params)


@pytest.fixture(scope="session")
def sample_crops(sample_frames: list[Image], sample_crop_track: CropTrack) -> np.ndarray:
    track = sample_crop_track
    pairs = zip(sample_frames, track.frame_from_crop, strict=True)
    return np.stack([cut(frame, transform, track.size_px) for frame, transform in pairs])

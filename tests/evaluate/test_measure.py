"""Real crops give back what was measured when they were cut; where there is no face, nothing is made up."""

import numpy as np
import pytest

from talkedit.edit.renderer import take
from talkedit.evaluate.examine import DETECT_EVERY_N_FRAMES, MAX_GAP_S
from talkedit.evaluate.footage import load_footage
from talkedit.evaluate.measure import measure_crops
from talkedit.face.extract import AttributesParams, Extractor, build_extractors
from talkedit.face.track import FaceTracker
from talkedit.params import parse
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel

N_FRAMES = 12
# The face is found anew in a crop that was compressed, at another scale than in its frame, and smoothed over less time.
LANDMARKS_PX, POSE_DEG, OPENNESS = 2.0, 2.0, 0.15


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    return FaceTracker(DETECT_EVERY_N_FRAMES, MAX_GAP_S)


@pytest.fixture
def extractors(model: TrainedModel) -> tuple[Extractor, ...]:
    return build_extractors(parse(AttributesParams, model.preparation["attributes"], "test"))


@pytest.fixture(scope="module")
def crops(held_out: Sample) -> np.ndarray:
    return load_footage(held_out, np.arange(N_FRAMES)).crops.images


def test_untouched_crops_give_back_their_own_numbers(
    held_out: Sample, crops: np.ndarray, tracker: FaceTracker, extractors: tuple[Extractor, ...]
) -> None:
    frames = slice(0, N_FRAMES)
    found = measure_crops(crops, take(held_out.track, frames), tracker, extractors)
    offsets = np.linalg.norm(found.landmarks_px - held_out.track.landmarks_px[frames], axis=2)
    assert offsets.mean() < LANDMARKS_PX
    assert found.attributes is not None
    assert np.abs(found.attributes.pose_deg - held_out.attributes.pose_deg[frames]).mean() < POSE_DEG
    assert np.abs(found.attributes.eye_openness - held_out.attributes.eye_openness[frames]).mean() < OPENNESS


def test_frames_without_a_face_have_no_numbers(
    held_out: Sample, crops: np.ndarray, tracker: FaceTracker, extractors: tuple[Extractor, ...]
) -> None:
    spoilt = crops.copy()
    spoilt[5:10] = 128
    found = measure_crops(spoilt, take(held_out.track, slice(0, N_FRAMES)), tracker, extractors)
    assert found.attributes is not None
    for values in (found.landmarks_px[:, 0, 0], found.attributes.pose_deg[:, 0], found.attributes.eye_openness):
        assert np.flatnonzero(np.isnan(values)).tolist() == [5, 6, 7, 8, 9]


def test_without_any_face_there_are_no_attributes(
    held_out: Sample, crops: np.ndarray, tracker: FaceTracker, extractors: tuple[Extractor, ...]
) -> None:
    found = measure_crops(np.full_like(crops, 128), take(held_out.track, slice(0, N_FRAMES)), tracker, extractors)
    assert found.attributes is None
    assert np.isnan(found.landmarks_px).all()

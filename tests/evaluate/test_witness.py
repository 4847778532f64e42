"""The witness on real pictures: it finds the face, wherever it is told to begin, and says where there is none."""

import numpy as np
import pytest

from talkedit.evaluate.footage import load_footage
from talkedit.evaluate.mesh import OUTER_EYE_CORNERS, lid_opening
from talkedit.evaluate.witness import Witness
from talkedit.shards.samples import Sample

N_FRAMES = 6
CORNERS_PX, BEGUN_ELSEWHERE_PX = 4.0, 1.0


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


@pytest.fixture(scope="module")
def crops(held_out: Sample) -> np.ndarray:
    return load_footage(held_out, np.arange(N_FRAMES)).crops.images


def test_it_agrees_with_dlib_on_the_corners_of_the_eyes(witness: Witness, held_out: Sample, crops: np.ndarray) -> None:
    landmarks_px = held_out.track.landmarks_px[:N_FRAMES]
    mesh = witness.look(crops, landmarks_px)
    off = mesh[:, list(OUTER_EYE_CORNERS), :2] - landmarks_px[:, [36, 45]]
    assert np.linalg.norm(off, axis=2).mean() < CORNERS_PX
    assert ((lid_opening(mesh) > 0.05) & (lid_opening(mesh) < 0.6)).all()


def test_where_it_begins_to_look_matters_little(witness: Witness, held_out: Sample, crops: np.ndarray) -> None:
    landmarks_px = held_out.track.landmarks_px[:N_FRAMES]
    shifted = witness.look(crops, landmarks_px + 6)
    assert np.abs(shifted - witness.look(crops, landmarks_px))[..., :2].mean() < BEGUN_ELSEWHERE_PX


def test_without_a_face_there_is_no_mesh(witness: Witness, held_out: Sample, crops: np.ndarray) -> None:
    grey = np.full_like(crops[:1], 128)
    assert np.isnan(witness.look(grey, held_out.track.landmarks_px[:1])).all()

from pathlib import Path

import dlib
import numpy as np
import pytest

from talkedit import assets
from talkedit.errors import AssetError
from talkedit.face.cascade import Cascade
from talkedit.face.detect import FaceDetector
from talkedit.face.geometry import cut, frame_from_square, grey
from talkedit.records import Image

ASSET = "dlib_landmarks_68"
PATCH_PX = 320
BOXES = np.array([[60, 60, 260, 260], [52, 52, 252, 252], [62, 46, 274, 258], [44, 56, 244, 256]])
# dlib adds in another order: now and then a pixel on the edge of two falls to the other one, and a leaf changes.
SAME_SHARE, MEAN_PX, FARTHEST_PX = 0.9, 0.3, 3.0


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(assets.fetch(ASSET))


@pytest.fixture(scope="module")
def patches(sample_frames: list[Image]) -> np.ndarray:
    planes = [grey(frame) for frame in sample_frames[::12]]
    box = FaceDetector()(planes[0])
    assert box is not None
    square = frame_from_square((box[:2] + box[2:]) / 2, (box[2] - box[0]) * 1.6, PATCH_PX)
    return np.stack([cut(plane, square, PATCH_PX) for plane in planes])


@pytest.mark.parametrize("side_px", [PATCH_PX, 240])  # the boxes reach beyond the smaller one
def test_finds_what_dlib_finds(cascade: Cascade, patches: np.ndarray, side_px: int) -> None:
    patches = np.ascontiguousarray(patches[:, :side_px, :side_px])
    patch_of, boxes = np.repeat(np.arange(len(patches)), len(BOXES)), np.tile(BOXES, (len(patches), 1))
    found = cascade(patches, patch_of, boxes)
    predict = dlib.shape_predictor(str(assets.fetch(ASSET)))  # type: ignore[attr-defined]
    wanted = np.array(
        [
            [(point.x, point.y) for point in predict(patches[at], dlib.rectangle(*map(int, box))).parts()]  # type: ignore[attr-defined]
            for at, box in zip(patch_of, boxes, strict=True)
        ]
    )
    assert (np.floor(found + 0.5) == wanted).mean() > SAME_SHARE
    assert np.abs(found - wanted).mean() < MEAN_PX  # of which rounding to whole pixels makes 0.25
    assert np.abs(found - wanted).max() < FARTHEST_PX


def test_a_face_does_not_depend_on_the_others(cascade: Cascade, patches: np.ndarray) -> None:
    together = cascade(patches[:3], np.array([0, 1, 2, 1]), BOXES)
    alone = [cascade(patches[[at]], np.array([0]), BOXES[[box]])[0] for box, at in enumerate((0, 1, 2, 1))]
    assert np.array_equal(together, np.stack(alone))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.dat").write_bytes(b"no model")
    with pytest.raises(AssetError, match="is not dlib's 68-point model"):
        Cascade(tmp_path / "model.dat")

import numpy as np
import pytest

from talkedit.face.geometry import (
    apply,
    box_overlap,
    boxes_from_landmarks,
    cut,
    eye_aspect_ratio,
    fill_gaps,
    frame_from_square,
    inter_ocular_px,
    invert,
    smooth,
)


def test_a_square_of_the_frame_maps_to_the_whole_crop() -> None:
    # a square of side 10 about (20, 30) reaches from 15 to 25 and from 25 to 35; crop pixels are half frame pixels
    frame_from_crop = frame_from_square((20, 30), 10, 20)
    edges_of_crop = [(-0.5, -0.5), (19.5, 19.5)]
    np.testing.assert_allclose(apply(frame_from_crop, edges_of_crop), [(15, 25), (25, 35)])


def test_transforms_apply_per_frame_and_invert() -> None:
    frame_from_crop = frame_from_square([(20, 30), (50, 60)], [10, 40], 20)
    points = np.random.default_rng(0).uniform(0, 20, (2, 5, 2))
    moved = apply(frame_from_crop, points)
    np.testing.assert_allclose(moved[1], apply(frame_from_crop[1], points[1]))
    np.testing.assert_allclose(apply(invert(frame_from_crop), moved), points, atol=1e-12)


def test_cutting_at_one_to_one_copies_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    crop = cut(image, frame_from_square((19.5, 19.5), 20, 20), 20)
    np.testing.assert_array_equal(crop, image[10:30, 10:30])


def test_cutting_past_the_border_repeats_it() -> None:
    image = np.zeros((20, 20), np.uint8)
    image[:, 0] = 200
    crop = cut(image, frame_from_square((-10.5, 9.5), 20, 20), 20)
    assert (crop == 200).all()


def test_shrinking_averages_and_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 0, 255, 255], np.uint8), (80, 20))  # a period of 4 px
    crop = cut(stripes, frame_from_square((39.5, 39.5), 80, 20), 20)  # one crop pixel is one period
    np.testing.assert_allclose(crop, 127.5, atol=1)


@pytest.mark.parametrize("size_px", [20, 33, 64, 160])
def test_cutting_keeps_places(size_px: int) -> None:
    x = np.tile(np.arange(100), (100, 1))
    image = (2 * x).astype(np.uint8)  # brightness tells x
    frame_from_crop = frame_from_square((50, 50), 60, size_px)
    crop = cut(image, frame_from_crop, size_px)
    expected = 2 * apply(frame_from_crop, np.stack([np.arange(size_px), np.zeros(size_px)], axis=1))[:, 0]
    np.testing.assert_allclose(crop[size_px // 2], expected, atol=1.1)


def test_box_overlap() -> None:
    assert box_overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert box_overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert box_overlap((0, 0, 10, 10), (20, 20, 30, 30)) == 0


def test_eye_aspect_ratio_by_hand() -> None:
    eye = np.array([(0, 0), (3, -1), (7, -1), (10, 0), (7, 1), (3, 1)], float)  # 2 high at both places, 10 wide
    landmarks = np.zeros((1, 68, 2))
    landmarks[0, 36:42] = eye
    landmarks[0, 42:48] = eye * (1, 2) + (30, 0)  # twice as open
    assert eye_aspect_ratio(landmarks)[0] == pytest.approx((0.2 + 0.4) / 2)
    assert inter_ocular_px(landmarks)[0] == pytest.approx(40)


def test_box_of_landmarks_moves_and_grows_with_them() -> None:
    landmarks = np.random.default_rng(0).normal(0, 10, (68, 2))
    box, other = boxes_from_landmarks(landmarks), boxes_from_landmarks(landmarks * 3 + (100, 50))
    np.testing.assert_allclose(other, box * 3 + (100, 50, 100, 50))


def test_smoothing_keeps_constants_and_removes_jitter() -> None:
    np.testing.assert_allclose(smooth(np.full((9, 2), 3.0), 4), 3)
    jitter = np.tile([1.0, -1.0], 50)
    assert np.abs(smooth(jitter, 2)[10:-10]).max() < 1e-3
    ramp = np.arange(100.0)
    np.testing.assert_allclose(smooth(ramp, 2)[10:-10], ramp[10:-10])  # no lag
    np.testing.assert_array_equal(smooth(ramp, 0), ramp)


def test_gaps_are_filled_with_lines_and_ends_with_the_nearest() -> None:
    values = np.array([np.nan, 1, np.nan, np.nan, 4, np.nan])[:, None]
    filled = fill_gaps(values, np.isfinite(values[:, 0]))
    np.testing.assert_allclose(filled[:, 0], [1, 1, 2, 3, 4, 4])

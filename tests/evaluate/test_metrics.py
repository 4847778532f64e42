"""The metrics, on arrays whose answers can be worked out by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from talkedit.evaluate import metrics
from talkedit.evaluate.metrics import (
    FACE_POINTS,
    MOUTH_POINTS,
    flicker_ratio,
    lmd,
    sharpness_ratio,
    ssim_inside_and_whole,
)

FLOAT32_TOLERANCE = 1e-5


def pictures(n: int = 2, side_px: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side_px, side_px, 3), dtype=np.uint8)


def face() -> np.ndarray:
    """(68, 2): points on a grid, the outer eye corners 50 px apart."""
    points = np.stack([np.arange(68) % 10, np.arange(68) // 10], axis=1).astype(np.float32)
    points[[36, 45]] = (0, 0), (30, 40)
    return points


def ssim_inside(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    return ssim_inside_and_whole(prediction, truth, mask)[0]


def ssim(prediction: np.ndarray, truth: np.ndarray) -> float:
    return ssim_inside_and_whole(prediction, truth, np.zeros(prediction.shape[1:3]))[1]


class TestSsimInside:
    def test_equal_pictures_give_one(self):
        x = pictures()
        assert ssim_inside(x, x, np.ones((32, 32))) == pytest.approx(1.0, abs=FLOAT32_TOLERANCE)

    def test_two_flat_pictures_follow_the_formula(self):
        # Without variance, SSIM is (2ab + c1) / (a^2 + b^2 + c1), here with a = 0.2, b = 0.4, c1 = 0.01^2.
        a, b = np.full((1, 16, 16, 3), 51, np.uint8), np.full((1, 16, 16, 3), 102, np.uint8)
        assert ssim_inside(a, b, np.ones((16, 16))) == pytest.approx(0.1601 / 0.2001, abs=1e-4)

    def test_it_is_the_map_of_torchmetrics(self):
        x, y = pictures(1)[0] / np.float32(255), pictures(2)[1] / np.float32(255)
        both = (torch.from_numpy(image).permute(2, 0, 1)[None] for image in (x, y))
        theirs = structural_similarity_index_measure(*both, data_range=1.0, reduction="none", return_full_image=True)[1]
        assert np.abs(metrics._ssim_map(x, y) - theirs[0].permute(1, 2, 0).numpy()).max() < 1e-4

    def test_bytes_and_floats_give_the_same(self):
        x, y = pictures(), pictures()[::-1]
        as_bytes = ssim_inside(x, y, np.ones((32, 32)))
        as_floats = ssim_inside(x / np.float32(255), y / np.float32(255), np.ones((32, 32)))
        assert as_bytes == pytest.approx(as_floats, abs=FLOAT32_TOLERANCE)

    def test_pixels_further_than_a_window_from_the_mask_do_not_count(self):
        x, mask = pictures(), np.zeros((32, 32))
        mask[:10] = 1
        y = x.copy()
        y[:, 15:] = 0  # the mask's last row is 9, its windows end at 14
        assert ssim_inside(x, y, mask) == pytest.approx(1.0, abs=FLOAT32_TOLERANCE)
        y[:, 14] = 0
        assert ssim_inside(x, y, mask) < 1.0 - FLOAT32_TOLERANCE

    def test_every_pixel_counts_the_same_in_whichever_frame_it_is(self):
        a, b = np.full((2, 16, 16, 3), 51, np.uint8), np.full((2, 16, 16, 3), 51, np.uint8)
        b[1] = 102
        mask = np.zeros((2, 16, 16))
        mask[0, :3], mask[1, :1] = 1, 1  # three times as many pixels in the equal frame
        assert ssim_inside(a, b, mask) == pytest.approx((3 + 0.1601 / 0.2001) / 4, abs=1e-4)

    def test_half_a_mask_is_outside_and_an_empty_one_has_no_answer(self):
        assert np.isnan(ssim_inside(pictures(), pictures(), np.full((32, 32), 0.5)))

    def test_bytes_against_floats_are_refused(self):
        with pytest.raises(ValueError, match="cannot be compared"):
            ssim_inside(pictures(), pictures() / 255, np.ones((32, 32)))


class TestLmd:
    def test_a_shift_does_not_count(self):
        truth = face()[None]
        result = lmd(truth + np.float32([3, -7]), truth, FACE_POINTS, side_px=256)
        assert result.px == pytest.approx(0, abs=FLOAT32_TOLERANCE)
        assert result.detection_rate == 1.0

    def test_one_point_of_the_mouth_moved(self):
        # 20 points, one moved by 20 px: the centroid moves by 1, so 19 points are off by 1 and one by 19.
        truth, moved = face()[None], face()[None]
        moved[0, 50, 0] += 20
        result = lmd(moved, truth, MOUTH_POINTS, side_px=256)
        assert result.px == pytest.approx((19 * 1 + 19) / 20, abs=FLOAT32_TOLERANCE)
        assert result.interocular == pytest.approx(1.9 / 50, abs=FLOAT32_TOLERANCE)

    def test_pixels_are_those_of_a_256_px_crop(self):
        truth, moved = face()[None], face()[None]
        moved[0, 50, 0] += 20
        small = lmd(moved, truth, MOUTH_POINTS, side_px=128)
        assert small.px == pytest.approx(2 * 1.9, abs=FLOAT32_TOLERANCE)
        assert small.interocular == pytest.approx(1.9 / 50, abs=FLOAT32_TOLERANCE)

    def test_points_outside_the_mouth_do_not_count_for_it(self):
        truth, moved = face()[None], face()[None]
        moved[0, 0] += 20
        assert lmd(moved, truth, MOUTH_POINTS, side_px=256).px == 0
        assert lmd(moved, truth, FACE_POINTS, side_px=256).px > 0

    def test_frames_without_a_face_count_for_the_rate_only(self):
        truth = np.stack([face()] * 4)
        predicted = truth.copy()
        predicted[1, 3] = np.nan
        truth[2] = np.nan  # the truth has no face here: nobody is asked for one
        result = lmd(predicted, truth, FACE_POINTS, side_px=256)
        assert result.px == 0
        assert result.detection_rate == pytest.approx(2 / 3)

    def test_no_face_anywhere(self):
        truth = face()[None]
        result = lmd(np.full_like(truth, np.nan), truth, FACE_POINTS, side_px=256)
        assert np.isnan(result.px)
        assert np.isnan(result.interocular)
        assert result.detection_rate == 0.0

    def test_different_lengths_are_refused(self):
        with pytest.raises(ValueError, match="cannot be compared"):
            lmd(np.stack([face()] * 2), face()[None], FACE_POINTS, side_px=256)


class TestSharpness:
    def test_the_truth_is_as_sharp_as_itself(self):
        x = pictures()
        assert sharpness_ratio(x, x, np.ones((32, 32))) == pytest.approx(1)

    def test_half_the_contrast_is_half_as_sharp(self):
        board = np.indices((32, 32)).sum(axis=0) % 2
        truth = np.repeat((100 + 100 * board)[None, ..., None], 3, axis=3).astype(np.uint8)
        half = np.repeat((125 + 50 * board)[None, ..., None], 3, axis=3).astype(np.uint8)
        assert sharpness_ratio(half, truth, np.ones((32, 32))) == pytest.approx(0.5)

    def test_what_lies_outside_the_mask_does_not_count(self):
        truth, flat = pictures(), pictures()
        mask = np.zeros((32, 32))
        mask[:, :16] = 1
        flat[:, :, 18:] = 0  # one pixel away from the mask, because the Laplacian looks at neighbours
        assert sharpness_ratio(flat, truth, mask) == pytest.approx(1)


class TestFlicker:
    def test_neighbours_count_only_where_the_head_is_still(self):
        level = [0, 2, 4, 54, 104]  # the truth's steps: 2, 2, 50, 50; the head moves in the last two
        truth, ours = (np.zeros((5, 8, 8, 3), np.uint8) for _ in range(2))
        truth += np.array(level, np.uint8)[:, None, None, None]
        ours += np.array([0, 6, 0, 0, 0], np.uint8)[:, None, None, None]  # steps: 6, 6, 0, 0
        landmarks_px = np.zeros((5, 68, 2)) + np.array([0, 0, 0, 9, 18])[:, None, None]
        assert flicker_ratio(ours, truth, landmarks_px, np.ones((8, 8))) == pytest.approx(3)

    def test_frames_that_repeat_the_one_before_do_not_count(self):
        truth, ours = (np.zeros((5, 8, 8, 3), np.uint8) for _ in range(2))
        truth += np.array([0, 0, 2, 2, 52], np.uint8)[:, None, None, None]  # the head moves in the last step
        ours += np.array([0, 1, 7, 8, 8], np.uint8)[:, None, None, None]  # by 6 where the truth does by 2
        landmarks_px = np.zeros((5, 68, 2)) + np.array([0, 0, 1, 1, 9])[:, None, None]
        assert flicker_ratio(ours, truth, landmarks_px, np.ones((8, 8))) == pytest.approx(3)

    def test_of_a_truth_that_never_changes_nothing_is_said(self):
        still = np.zeros((3, 8, 8, 3), np.uint8)
        assert np.isnan(flicker_ratio(pictures(3, 8), still, np.zeros((3, 68, 2)), np.ones((8, 8))))
        assert np.isnan(flicker_ratio(still[:1], still[:1], np.zeros((1, 68, 2)), np.ones((8, 8))))


def test_the_points_are_dlibs():
    assert len(range(68)[metrics.MOUTH_POINTS]) == 20
    assert len(range(68)[metrics.FACE_POINTS]) == 68


class TestSsimOfWholePictures:
    def test_it_is_the_mean_over_frames(self):
        a, b = np.full((2, 16, 16, 3), 51, np.uint8), np.full((2, 16, 16, 3), 51, np.uint8)
        b[1] = 102  # 0.1601 / 0.2001, as above
        assert ssim(a, b) == pytest.approx((1 + 0.1601 / 0.2001) / 2, abs=1e-4)

    def test_around_the_crop_nothing_changed(self):
        # A crop of SSIM 0.6 on a quarter of the frame.
        assert metrics.ssim_with_surroundings(0.6, 50 * 50, 100 * 100) == pytest.approx(0.9)
        assert metrics.ssim_with_surroundings(0.6, 300 * 300, 100 * 100) == pytest.approx(0.6)

    def test_put_back_into_a_frame_it_is_what_the_whole_frame_has(self):
        truth = pictures(1, side_px=64)
        edited = truth.copy()
        edited[:, 28:36, 28:36] = 0  # windows reach 5 px further, and the crop from 16 to 48 holds them
        crop = ssim(edited[:, 16:48, 16:48], truth[:, 16:48, 16:48])
        assert metrics.ssim_with_surroundings(crop, 32 * 32, 64 * 64) == pytest.approx(ssim(edited, truth), abs=1e-4)


class TestPsnr:
    def test_one_level_off_everywhere(self):
        truth = np.full((3, 4, 4, 3), 100, np.uint8)
        assert metrics.psnr_db(truth + np.uint8(1), truth) == pytest.approx(48.1308, abs=1e-4)  # 20 log10(255)

    def test_black_for_white_and_an_equal_frame(self):
        truth = np.zeros((2, 4, 4, 3), np.uint8)
        seen = truth.copy()
        seen[0] = 255
        assert metrics.psnr_db(seen, truth) == pytest.approx((0 + 100) / 2)

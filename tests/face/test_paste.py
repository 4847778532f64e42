import numpy as np
import pytest

from talkedit.face.geometry import cut, frame_from_square
from talkedit.face.paste import SeamMatcher, feathered_mask, paste

RNG = np.random.default_rng(0)
CENTRE = (0.125, 0.125, 0.875, 0.875)


def _smooth_image(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([60 + x, 40 + y, 100 + (x + y) / 4], axis=2).clip(0, 255).astype(np.uint8)


def test_mask_is_zero_outside_its_box_and_one_well_inside() -> None:
    mask = feathered_mask(128, box=CENTRE, feather_share=0.1)  # the box spans pixels 16 to 111
    outside = np.ones_like(mask, bool)
    outside[16:112, 16:112] = False
    assert (mask[outside] == 0).all()
    assert (mask[30:98, 64] == 1).all()
    assert 0 < mask[18, 64] < mask[22, 64] < 1
    assert mask[17, 17] == 0  # round corners
    np.testing.assert_array_equal(mask, mask[::-1, ::-1].T)
    assert np.abs(np.diff(mask, axis=0)).max() < 1.6 / 12.8  # smooth: a step over 12.8 px


def test_a_box_that_is_no_square_has_the_same_edge() -> None:
    mask = feathered_mask(128, box=(0, 0.5, 1, 1), feather_share=0.1)
    assert mask[:64].max() == 0
    assert (mask[78:114, 30:98] == 1).all()
    np.testing.assert_allclose(mask[64:78, 64], feathered_mask(128, CENTRE, 0.1)[16:30, 64])
    np.testing.assert_array_equal(mask, mask[:, ::-1])


@pytest.mark.parametrize("centre", [(70.3, 60.8), (10.2, 15.4), (120, 95), (-400, 50)])
def test_outside_the_mask_the_frame_is_the_frame(centre: tuple[float, float]) -> None:
    frame = RNG.integers(0, 256, (100, 140, 3), dtype=np.uint8)
    before = frame.copy()
    crop = np.full((64, 64, 3), 255, np.uint8)
    edited, mask = paste(frame, crop, feathered_mask(64, CENTRE, 0.1), frame_from_square(centre, 80.7, 64))
    np.testing.assert_array_equal(frame, before)
    np.testing.assert_array_equal(edited[mask == 0], frame[mask == 0])
    np.testing.assert_array_equal(edited[mask == 1], 255)
    assert mask.shape == (100, 140)
    assert (mask.max() == 0) == (centre == (-400, 50))


def test_what_was_cut_out_goes_back_where_it_was() -> None:
    frame = _smooth_image(120, 150)
    frame_from_crop = frame_from_square((75.3, 58.9), 80.7, 96)
    edited, mask = paste(frame, cut(frame, frame_from_crop, 96), feathered_mask(96, CENTRE, 0.1), frame_from_crop)
    assert mask.max() == 1
    assert np.abs(edited.astype(int) - frame).max() <= 2


def test_paste_is_exact_to_a_fraction_of_a_pixel() -> None:
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[28:36, 28:36] = 255
    edited, _ = paste(
        np.zeros((100, 100, 3), np.uint8),
        crop,
        feathered_mask(64, CENTRE, 0.05),
        frame_from_square((50.25, 40.5), 64, 64),
    )
    weight = edited[..., 0].astype(float)
    x = (weight.sum(axis=0) * np.arange(100)).sum() / weight.sum()
    y = (weight.sum(axis=1) * np.arange(100)).sum() / weight.sum()
    assert (x, y) == pytest.approx((50.25, 40.5), abs=0.05)


def test_a_constant_colour_offset_vanishes() -> None:
    original = _smooth_image(96, 96)
    generated = (original.astype(int) + np.array([20, -15, 8])).clip(0, 255).astype(np.uint8)
    matched = SeamMatcher(feathered_mask(96, CENTRE, 0.1), 25)(generated, original)
    assert np.abs(matched.astype(int) - original).max() <= 1


def test_an_offset_on_one_side_vanishes_on_that_side() -> None:
    original = np.full((96, 96, 3), 128, np.uint8)
    generated = original.copy()
    generated[:, :48] += 20
    matched = SeamMatcher(feathered_mask(96, CENTRE, 0.1), 25)(generated, original).astype(int)
    assert np.abs(matched[20:76, 12:16] - 128).max() <= 3
    assert np.abs(matched[20:76, 80:84] - 128).max() <= 3


def test_colours_that_agree_at_the_border_stay() -> None:
    original = _smooth_image(96, 96)
    generated = original.copy()
    generated[40:56, 40:56] = 255  # a change in the middle is the edit itself
    np.testing.assert_array_equal(SeamMatcher(feathered_mask(96, CENTRE, 0.1), 25)(generated, original), generated)


def test_the_match_follows_slowly_and_light_that_changed_at_once() -> None:
    original = np.full((96, 96, 3), 128, np.uint8)
    match = SeamMatcher(feathered_mask(96, CENTRE, 0.1), 25)
    for _ in range(10):
        assert match(original, original).mean() == 128
    flickering = original - 3
    assert match(flickering, original).mean() < 126, "a frame that differs for once is left as it is, nearly"
    for _ in range(100):
        last = match(flickering, original)
    assert last.mean() == 128, "what stays so is matched"
    assert match(original - 40, original).mean() == 128, "another light is matched at once"

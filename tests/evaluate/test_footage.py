"""Footage at any size lies where it lay; sources are chosen as one would by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from talkedit.evaluate import footage
from talkedit.evaluate.footage import (
    Footage,
    Sources,
    best_sources,
    load_footage,
    nearest_in_landmarks,
    with_control,
)
from talkedit.face.geometry import apply
from talkedit.records import Attributes
from talkedit.shards.clips import decode_crops
from talkedit.shards.index import index_split, read_sample

from ..tiny import CROP_PX, make_sample, write_shards

SUBPIXEL_PX = 1e-3  # transforms and shares are kept in float32 and float64
SAMPLE = make_sample("one", "train", 1)


def codes(pose_deg: list[tuple[float, float, float]], openness: list[float]) -> Attributes:
    neutral = np.tile(np.float32([0, 0, 0, 0, 0, 0, 1]), (len(openness), 1))
    return Attributes(np.array(pose_deg, np.float32), neutral, np.array(openness, np.float32))


def landmarks_in_frame_px(footage: Footage) -> np.ndarray:
    return apply(footage.crops.frame_from_crop, footage.crops.landmarks * footage.crops.images.shape[1] - 0.5)


@pytest.mark.parametrize("size_px", [None, CROP_PX, CROP_PX // 2, 3 * CROP_PX])
def test_landmarks_lie_on_the_same_place_of_the_frame_at_any_size(size_px: int | None) -> None:
    footage = load_footage(SAMPLE, np.array([2, 5, 11]), size_px)
    side = size_px or CROP_PX
    assert footage.crops.images.shape == (3, side, side, 3)
    wanted = SAMPLE.track.landmarks_in_frame_px()[[2, 5, 11]]
    assert np.abs(landmarks_in_frame_px(footage) - wanted).max() < SUBPIXEL_PX


def test_a_resized_crop_shows_the_same_picture_in_the_same_place() -> None:
    """Halved, each pixel is the mean of four, and lies in their middle."""
    whole, half = (load_footage(SAMPLE, np.array([4]), size_px) for size_px in (None, CROP_PX // 2))
    four = whole.crops.images[0].reshape(CROP_PX // 2, 2, CROP_PX // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(half.crops.images[0] - four).max() <= 1
    middle = apply(whole.crops.frame_from_crop[0], [[6.5, 10.5]])
    assert apply(half.crops.frame_from_crop[0], [[3, 5]]) == pytest.approx(middle)


def test_frames_and_codes_are_those_that_were_asked_for() -> None:
    chosen = np.array([0, 7, 19])
    footage = load_footage(SAMPLE, chosen)
    crops = list(decode_crops(SAMPLE))
    assert np.array_equal(footage.crops.images, [crops[index] for index in chosen])
    assert np.array_equal(footage.attributes.pose_deg, SAMPLE.attributes.pose_deg[chosen])
    assert np.array_equal(footage.crops.camera_from_head, SAMPLE.heads[chosen])
    some = footage.take(np.array([2, 0]))
    assert np.array_equal(some.crops.images, [crops[19], crops[0]])
    assert np.array_equal(some.attributes.eye_openness, SAMPLE.attributes.eye_openness[[19, 0]])
    assert np.array_equal(some.crops.eye_openness, some.attributes.eye_openness)


def test_sources_are_spread_over_all_clips(tmp_path: Path) -> None:
    """Of two clips with 20 frames, 4 frames: 0, 13, 26 and 39 of the 40."""
    other = make_sample("two", "train", 2)
    entries = index_split(write_shards(tmp_path / "shards", [SAMPLE, other]), "train")
    sources = Sources(entries, 4).at(30)
    assert sources.crops.images.shape == (4, 30, 30, 3)
    wanted = [*SAMPLE.attributes.pose_deg[[0, 13]], *other.attributes.pose_deg[[6, 19]]]
    assert np.array_equal(sources.attributes.pose_deg, wanted)
    assert len(Sources(entries, 1000).at(30).crops.images) == 40


def test_only_clips_that_a_source_is_taken_of_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [make_sample(name, "train", 1) for name in ("one", "two", "three", "four", "five")]
    entries, seen = index_split(write_shards(tmp_path / "shards", samples), "train"), []
    monkeypatch.setattr(footage, "read_sample", lambda entry: seen.append(entry.clip_id) or read_sample(entry))
    Sources(entries, 3)  # frames 0, 50 and 99 of 100
    assert seen == ["one", "three", "five"]


def frames(ring: list[int], attributes: Attributes, inside: int = 0) -> Footage:
    """Crops of one grey level each around a mask over the middle half."""
    images = np.tile(np.array(ring, np.uint8)[:, None, None, None], (1, 48, 48, 3))
    images[:, 12:36, 12:36] = inside
    crops = load_footage(SAMPLE, np.arange(len(ring)), 48).crops
    return Footage(dataclasses.replace(crops, images=images), attributes)


def test_the_best_source_is_nearest_in_codes_and_in_what_is_around_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((48, 48), np.float32)
    mask[12:36, 12:36] = 1
    sources = frames([0, 0, 0, 20], codes([(0, 0, 0), (10, 0, 0), (0, 0, 0), (4, 0, 0)], [0.9, 0.9, 0.1, 0.6]), 200)
    asked = codes([(1, 1, 0), (8, 0, 0), (4, 0, 0), (4, 0, 0), (4, 0, 0)], [0.8, 0.9, 0.2, 0.6, 0.6])
    wanted = frames([0, 0, 0, 0, 20], asked)
    # Of the last but one: (0.8, 1.5) units from the first, (1.2, 1.5) from the second, (0.8, 2.5) from the third, and
    # from the fourth nothing but the ring, of 20 levels and so 8 units; which the last has, too. Alone, each frame
    # takes 0, 1, 2, 0, 3. In a row the first four stay with the first source: 18.7 squares of units, and otherwise 4.3
    # and three changes, of 40 each.
    monkeypatch.setattr(footage, "CHANGE_COST", 0.0)
    assert best_sources(wanted, sources, mask).tolist() == [0, 1, 2, 0, 3]
    monkeypatch.undo()
    assert best_sources(wanted, sources, mask).tolist() == [0, 0, 0, 0, 3]


def test_the_nearest_in_landmarks_is_so_on_average_over_the_points() -> None:
    sources = np.zeros((3, 68, 2), np.float32)
    sources[1] += 0.1
    sources[2, :34] += 0.3
    assert nearest_in_landmarks(np.stack([sources[2], sources[0] + 0.06, sources[1] - 0.06]), sources).tolist() == [
        2,
        1,
        0,
    ]


def test_an_angle_is_asked_for_as_a_change_and_the_openness_as_a_value() -> None:
    measured = codes([(1, 2, 3), (4, 5, 6)], [0.5, 0.7])
    assert with_control(measured, "pitch_deg", -2).pose_deg.tolist() == [[1, 0, 3], [4, 3, 6]]
    assert with_control(measured, "roll_deg", 1).pose_deg.tolist() == [[1, 2, 4], [4, 5, 7]]
    closed = with_control(measured, "eye_openness", 0.25)
    assert closed.eye_openness.tolist() == [0.25, 0.25]
    assert closed.pose_deg is measured.pose_deg
    assert measured.pose_deg.tolist() == [[1, 2, 3], [4, 5, 6]]

"""What the processes bring is put together: means, medians, ranks and files, worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from talkedit.evaluate import outputs
from talkedit.evaluate.cross import Crossed, cross_scores
from talkedit.evaluate.drive import Driven, drive_scores
from talkedit.evaluate.features import identity_distance
from talkedit.evaluate.reconstruct import OURS, Reconstruction, Redrawn
from talkedit.media.video import read_frames

NAN = float("nan")


def test_means_weigh_clips_by_their_frames_and_a_system_has_those_that_it_made() -> None:
    a = Redrawn("a", 10, {OURS: {"rate": 0.5, "lmd": NAN}, "other": {"rate": 0.25}}, {})
    b = Redrawn("b", 30, {OURS: {"rate": 1.0, "lmd": 2.0}}, {})
    reconstruction = Reconstruction([a, b])
    assert reconstruction.mean(OURS) == {"rate": pytest.approx(0.875), "lmd": 2.0}
    assert reconstruction.of("other") == [("a", 10, {"rate": 0.25})]


def test_only_what_no_clip_could_be_measured_in_is_none() -> None:
    clips = [Redrawn(name, 10, {OURS: {"lmd": NAN}}, {}) for name in "ab"]
    assert Reconstruction(clips).mean(OURS) == {"lmd": None}


def test_the_worst_come_first_and_no_others() -> None:
    clips = [(name, 1, {"ssim_in_mask": score}) for name, score in (("a", 0.5), ("b", 0.9), ("c", 0.2), ("d", 0.7))]
    assert outputs.worst_clips(clips, 2) == ["c", "a"]


def test_what_was_not_measured_is_no_0_in_a_plot(tmp_path: Path) -> None:
    outputs.write_sweeps(tmp_path, {"yaw_deg": [(-5.0, -4.5), (5.0, float("nan"))]})
    assert (tmp_path / "sweep_yaw_deg.csv").read_text() == "asked,measured,perfect\n-5,-4.5,-5\n5,nan,5\n"


def test_videos_stand_side_by_side_on_even_sides(tmp_path: Path) -> None:
    video = np.zeros((2, 17, 17, 3), np.uint8)
    outputs.write_beside(tmp_path / "one.mp4", [video, video + np.uint8(200)])
    frames = [frame.image for frame in read_frames(tmp_path / "one.mp4")]
    assert [frame.shape for frame in frames] == [(16, 34, 3)] * 2
    assert frames[0][:, :14].max() < 30
    assert frames[0][:, 20:].min() > 170


def crossed_by_hand(n_frames: int, error: float, openness: float, got: list[float]) -> Crossed:
    scores = {"pose_error_deg": error, "openness_error": openness, "openness_error_untouched": 2 * openness}
    return Crossed(n_frames, scores, np.array([0.3, 0.1, 0.3, 0.3]), np.array(got), {})


def test_pairs_count_by_their_frames_and_blinks_together() -> None:
    shuts_too, never = crossed_by_hand(10, 1.0, 0.02, [0.3, 0.1, 0.3, 0.3]), crossed_by_hand(30, 3.0, 0.06, [0.3] * 4)
    scores = cross_scores([shuts_too, never], shut=0.2, factor=-5.0)  # the factor's sign says which way lids go
    assert scores == {
        "cross_pose_error_deg": pytest.approx(2.5),
        "cross_openness_error": pytest.approx(0.25),
        "cross_openness_error_untouched": pytest.approx(0.5),
        "cross_blink_f1": pytest.approx(2 / 3),
        "cross_blink_n": 2,
    }
    assert cross_scores([], shut=0.2, factor=5.0) == {}


def test_a_blink_may_be_a_frame_late_and_no_more() -> None:
    for got, f1 in (([0.3, 0.3, 0.1, 0.3], 1.0), ([0.3, 0.3, 0.3, 0.1], 0.0)):
        assert cross_scores([crossed_by_hand(4, 1.0, 0.02, got)], shut=0.2, factor=5.0)["cross_blink_f1"] == f1


def test_a_pair_that_could_not_be_measured_is_left_out() -> None:
    pairs = [crossed_by_hand(n_frames, error, NAN, [0.3] * 4) for n_frames, error in ((10, NAN), (20, 2.0), (20, 4.0))]
    scores = cross_scores(pairs, shut=0.2, factor=5.0)
    assert (scores["cross_pose_error_deg"], scores["cross_openness_error"]) == (3.0, None)


def test_who_is_driven_counts_by_clip() -> None:
    clips = [Driven(0.9, 0.6, 1, 0.2, 0.1), Driven(0.5, 0.2, -2, 0.6, 0.3), Driven(NAN, NAN, 0, 0.4, 0.2)]
    scores = {"lip_correlation": 0.7, "lip_width_correlation": 0.4, "lip_sync_share": 2 / 3}
    scores |= {"lip_silence_ratio": 0.4, "lip_shut_ratio": 0.2}
    assert drive_scores(clips) == pytest.approx(scores)
    assert drive_scores([]) == dict.fromkeys(scores)


def test_distances_of_descriptors_are_averaged_where_both_are_known() -> None:
    truth, seen = np.zeros((4, 128)), np.zeros((4, 128))
    seen[0, :2], seen[2, 5], seen[3] = (0.3, 0.4), 0.1, np.nan
    truth[1] = np.nan
    assert identity_distance(seen, truth) == pytest.approx((0.5 + 0.1) / 2)
    assert np.isnan(identity_distance(seen[3:], truth[3:]))

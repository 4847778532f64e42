"""What does not belong to a window: where it is taken from, and where there is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.shards.loader import Loader, Rare
from talkedit.shards.windows import Window
from talkedit.train.negatives import (
    Negatives,
    draw_in_clips,
    emotion_gap,
    help_out,
    mel_gap,
    pose_gap,
    roll_negatives,
    share_with_negative,
)
from talkedit.train.processes import ALONE, Processes

from .. import tiny
from .windows import T, make_clip, window

GAPS = {"audio": 0.5, "pose": 6.0, "emotion": 0.3}


def draw_negatives(
    windows: list[Window], min_gaps: dict[str, float], seed: int, step: int, processes: Processes = ALONE
) -> Negatives:
    drawn = draw_in_clips(windows, min_gaps, seed, step, processes.rank)
    return help_out(drawn, min_gaps, seed, step, processes)


def draws(windows: list, n: int = 100, **gaps: float) -> list[Negatives]:
    return [draw_negatives(windows, GAPS | gaps, seed=0, step=step) for step in range(n)]


def test_gaps_by_hand() -> None:
    own, others = torch.zeros(T, 3), torch.zeros(2, T, 3)
    others[0, :, 1], others[0, 0, 2] = 4.0, -9.0  # 9, 4, 4, 4, 4
    assert pose_gap(others, own).tolist() == [5.0, 0.0]
    own, others = torch.zeros(T, 7), torch.zeros(1, T, 7)
    own[:, 6], others[0, :, 6], others[0, :, 0] = 1.0, 0.75, 0.25
    assert emotion_gap(others, own).tolist() == [0.25]
    own, others = torch.zeros(T, 80, 16), torch.zeros(1, T, 80, 16)
    others[0, 2, :40] = -2.0  # half of the middle frame's window
    others[0, 0] = 9.0  # which the discriminator does not hear
    assert mel_gap(others, own).tolist() == [1.0]


def test_speech_is_shifted_by_at_least_a_window_within_the_clip() -> None:
    # Every frame sounds otherwise; the window is frames 6 to 10, so others begin at 0, 1 or 11 to 15.
    clip, other = (
        make_clip(name, [0.0] * 20, loudness=[float(i + base) for i in range(20)])
        for name, base in (("one", 0), ("two", 50))
    )
    drawn = draws([window(clip, 6), window(other, 0)])
    assert all((negatives.weights["audio"] > 0).all() for negatives in drawn)
    starts = {int(negatives.mel[0, 0, 0, 0]) for negatives in drawn}
    assert starts == {0, 1, 11, 12, 13, 14, 15}
    for negatives in drawn:
        assert negatives.mel[0, :, 0, 0].diff().tolist() == [1.0] * 4  # frames in a row


def test_equal_sound_is_no_negative() -> None:
    # Silent but for frames 15 to 19: what begins at 13 to 15 has sound in its middle frame.
    clip = make_clip("one", [0.0] * 20, loudness=[-4.0] * 15 + [0.0] * 5)
    drawn = draws([window(clip, 0)])
    assert {float(negatives.mel[0, 2, 0, 0]) for negatives in drawn} == {0.0}
    silent = draw_negatives([window(make_clip("two", [0.0] * 20), 0)], GAPS, 0, 0)
    assert silent.weights["audio"].tolist() == [0]


def test_a_pose_is_as_far_away_as_is_asked_for() -> None:
    clip = make_clip("one", [float(i) for i in range(20)])
    drawn = draws([window(clip, 6)])
    assert {float(negatives.pose_deg[0, 0, 0]) for negatives in drawn} == {0.0, 12.0, 13.0, 14.0, 15.0}


def test_an_emotion_is_as_far_away_as_is_asked_for() -> None:
    # The first window is neutral; two of five frames happy are 0.4 away, one is only 0.2.
    clip = make_clip("one", [0.0] * 12, emotions=[6] * 10 + [3] * 2)
    drawn = draws([window(clip, 0)])
    assert {tuple(negatives.emotion[0].argmax(dim=1).tolist()) for negatives in drawn} == {(6, 6, 6, 3, 3)}


def test_weights_are_shares_of_what_it_is_drawn_from() -> None:
    # Of 16 windows, those that begin at 0 and at 12 to 15 are 6 degrees from frame 6; for frame 0, those from 6 on.
    clip = make_clip("one", [float(i) for i in range(20)])
    negatives = draw_negatives([window(clip, 6), window(clip, 0)], GAPS, 0, 0)
    assert negatives.weights["pose"].tolist() == [5 / 16, 10 / 16]


def test_an_attribute_belongs_as_often_as_it_does_not() -> None:
    # All windows of a clip that mostly faces the camera: unweighted, the turned head would mostly be a negative.
    clip = make_clip("one", [0.0] * 14 + [10.0] * 6)
    windows = [window(clip, first) for first in range(16)]
    yaw_deg = torch.from_numpy(clip.sample.attributes.pose_deg)[:, 0]
    turned = torch.stack([yaw_deg[own.target].mean() > 5 for own in windows]).float()
    positive, negative = torch.zeros(2), torch.zeros(2)
    for step in range(300):
        drawn = draw_negatives(windows, {"pose": 6.0}, 0, step)
        weights = drawn.weights["pose"]
        other = (drawn.pose_deg[:, :, 0].mean(dim=1) > 5).float()
        positive += torch.stack([weights.sum(), (weights * turned).sum()])
        negative += torch.stack([weights.sum(), (weights * other).sum()])
    assert float(positive[1] / positive[0]) == pytest.approx(0.5, abs=0.1)
    assert float(negative[1] / negative[0]) == pytest.approx(float(positive[1] / positive[0]), abs=0.02)


@pytest.mark.parametrize(("rare", "tells"), [("sources", False), ("targets", True)])
def test_what_the_judges_loader_draws_belongs_as_often_as_it_does_not(tmp_path: Path, rare: Rare, tells: bool) -> None:
    """The eyes are shut while the head is turned: if blinks came more often, the turned pose would mostly belong."""
    one = tiny.make_sample("one", "train", 1, 40)
    pose_deg, eye_openness = np.zeros((40, 3), np.float32), np.ones(40, np.float32)
    pose_deg[20:26, 0], eye_openness[20:26] = 10.0, 0.0
    attributes = replace(one.attributes, pose_deg=pose_deg, eye_openness=eye_openness)
    shards = tiny.write_shards(tmp_path / "shards", [replace(one, attributes=attributes)])
    turned = {"own": 0.0, "other": 0.0}
    with Loader(shards, "train", 24, T, 8, seed=0, rare=rare) as loader:
        for step in range(150):
            windows = loader.windows(step)
            drawn = draw_negatives(windows, {"pose": 6.0}, 0, step)
            own = torch.from_numpy(np.stack([pose_deg[window.target, 0].mean() for window in windows]))
            for name, yaw_deg in (("own", own), ("other", drawn.pose_deg[:, :, 0].mean(dim=1))):
                turned[name] += float((drawn.weights["pose"] * (yaw_deg > 5)).sum())
    assert (turned["own"] / turned["other"] > 1.3) == tells
    assert tells or turned["own"] / turned["other"] == pytest.approx(1, abs=0.1)


def test_another_window_helps_out_where_no_own_clip_has_any() -> None:
    still, turned, near = (make_clip(name, [yaw] * 10) for name, yaw in (("one", 0.0), ("two", 7.0), ("three", 4.0)))
    turning = make_clip("four", [7.0] * 5 + [0.0] * 5)  # has negatives of its own, and so is none for others
    windows = [window(still, 0), window(turned, 0), window(near, 0), window(turning, 0)]
    negatives = draw_negatives(windows, GAPS, 0, 0)
    assert negatives.weights["pose"].tolist()[:3] == [0.25, 0.25, 0.0]
    assert negatives.pose_deg[:3, 0, 0].tolist() == [7.0, 0.0, 4.0]


def test_a_window_without_a_negative_has_its_own_attributes() -> None:
    clip = make_clip("one", [3.0] * 10, emotions=[2] * 10, loudness=[1.0] * 10)
    negatives = draw_negatives([window(clip, 0), window(clip, 5)], GAPS, 0, 0)
    assert {term: weights.tolist() for term, weights in negatives.weights.items()} == {term: [0, 0] for term in GAPS}
    assert (negatives.mel == 1).all()
    assert (negatives.pose_deg[..., 0] == 3).all()
    assert (negatives.emotion[..., 2] == 1).all()


def test_rolled_negatives_are_the_other_windows() -> None:
    clip, other = make_clip("one", [0.0] * 10 + [9.0] * 10), make_clip("two", [8.0] * 10, loudness=[2.0] * 10)
    windows = [window(clip, 0), window(clip, 3), window(clip, 15), window(other, 0)]
    negatives = roll_negatives(windows, GAPS, 1)
    assert negatives.pose_deg[:, 0, 0].tolist() == [0.0, 9.0, 8.0, 0.0]
    assert negatives.weights["pose"].tolist() == [0, 1, 0, 1]
    assert negatives.weights["audio"].tolist() == [0, 0, 1, 1]  # the first overlap, the next two are silent
    assert negatives.weights["emotion"].tolist() == [0, 0, 0, 0]


def test_only_the_terms_that_are_asked_for_are_drawn() -> None:
    clip = make_clip("one", [float(9 * i) for i in range(20)], loudness=[float(i) for i in range(20)])
    negatives = draw_negatives([window(clip, 0)], {"audio": 0.5}, 0, 0)
    assert set(negatives.weights) == {"audio"}
    assert negatives.pose_deg[0, :, 0].tolist() == [0, 9, 18, 27, 36]


def test_seed_and_step_alone_decide() -> None:
    clip = make_clip("one", [float(i) for i in range(60)], loudness=[float(i) for i in range(60)])
    windows = [window(clip, first) for first in range(0, 50, 5)]

    def starts(seed: int, step: int) -> list[float]:
        return draw_negatives(windows, GAPS, seed, step).mel[:, 0, 0, 0].tolist()

    assert starts(3, 7) == starts(3, 7)
    assert starts(3, 7) != starts(3, 8)
    assert starts(3, 7) != starts(4, 7)


def test_the_share_of_windows_that_have_a_negative_in_their_own_clip() -> None:
    # Turning at the 10th frame by 8 degrees: windows are 0 to 4 or more frames past it, so the mean angle is 0, 1.6,
    # 3.2, 4.8, 6.4 or 8. Of 16 windows, 6 wait at 0 and 6 at 8; the mixed ones find their negative if 6 degrees away.
    turning = make_clip("one", [0.0] * 10 + [8.0] * 10).sample
    still = make_clip("two", [20.0] * 20).sample
    # 0 has 6.4 and 8, 1.6 has 8 (6.4 away), 3.2 has none (4.8), 4.8 none, 6.4 has 0, 8 has 0: 14 of 16.
    assert share_with_negative([turning], T, GAPS) == {"pose": 14 / 16, "emotion": 0.0}
    assert share_with_negative([turning, still], T, GAPS)["pose"] == 14 / 32


class Recorded(Processes):
    """Keeps what one process gives, and later hears what all gave in the same order."""

    def __init__(self, rank: int, given: list[list[Tensor]]) -> None:
        super().__init__(rank, len(given))
        self._given, self._n_asked = given, 0

    def all_rows(self, own_rows: Tensor) -> Tensor:
        if len(self._given[self.rank]) == self._n_asked:
            self._given[self.rank].append(own_rows)
        self._n_asked += 1
        parts = [rows[self._n_asked - 1] if len(rows) >= self._n_asked else own_rows for rows in self._given]
        return torch.cat(parts)


def test_two_processes_draw_what_one_draws() -> None:
    # One clip has negatives of its own; the other three have each other's alone, from either half of the step.
    still, turned, near = (make_clip(name, [yaw] * 10) for name, yaw in (("one", 0.0), ("two", 7.0), ("three", 14.0)))
    own = make_clip("four", [float(3 * i) for i in range(20)], loudness=[float(i) for i in range(20)])
    windows = [window(still, 0), window(own, 2), window(turned, 3), window(near, 0)]
    drawn = []
    for step in range(20):
        alone = draw_negatives(windows, GAPS, 0, step)
        given: list[list[Tensor]] = [[], []]
        for rank in range(2):  # the first process has not heard the second yet
            draw_negatives(windows[2 * rank :][:2], GAPS, 0, step, Recorded(rank, given))
        halves = [draw_negatives(windows[2 * r :][:2], GAPS, 0, step, Recorded(r, given)) for r in range(2)]
        for field in ("mel", "pose_deg", "emotion"):
            assert torch.equal(torch.cat([getattr(half, field) for half in halves]), getattr(alone, field))
        for term in GAPS:
            assert torch.equal(torch.cat([half.weights[term] for half in halves]), alone.weights[term])
        drawn.append(alone.pose_deg[0, 0, 0].item())
    assert set(drawn) == {7.0, 14.0}

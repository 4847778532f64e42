"""How frames that are edited pass over into those that stay, worked out by hand: a frame every 0.05 s."""

import numpy as np
import pytest

from talkedit.edit.fades import distance_s, is_changed, shown_share
from talkedit.records import EMOTIONS, Attributes

TIMES_S = np.arange(12) * 0.05
QUARTER, HALF, THREE_QUARTERS = 0.15625, 0.5, 0.84375  # x * x * (3 - 2 x) at these shares


def flags(*numbers: int) -> np.ndarray:
    return np.isin(np.arange(12), numbers)


def test_heads_are_drawn_again_from_a_fifth_of_a_second_before_what_changes() -> None:
    share = shown_share(flags(5, 6), flags(), TIMES_S)
    around = [QUARTER, HALF, THREE_QUARTERS]
    assert share.tolist() == pytest.approx([0, 0, *around, 1, 1, *around[::-1], 0, 0], abs=1e-6)


def test_what_stays_is_faded_to() -> None:
    share = shown_share(np.ones(12, bool), flags(0, 1), TIMES_S)
    assert share.tolist() == pytest.approx([0, 0, QUARTER, HALF, THREE_QUARTERS, *[1] * 7], abs=1e-6)


def test_nothing_fades_across_a_cut() -> None:
    """Cuts at 5 and 8: what changes in the second shot leaves the others alone, and 8, which stays, is not faded to."""
    share = shown_share(flags(5, 6, 7), flags(8), TIMES_S, [5, 8])
    assert share.tolist() == [0] * 5 + [1] * 3 + [0] * 4


def test_distances_are_of_time_and_within_the_shot() -> None:
    times_s = np.array([0, 0.1, 0.4, 0.5, 0.9])
    marked = np.array([0, 1, 0, 0, 0], bool)
    assert distance_s(marked, times_s, [3]).tolist() == pytest.approx([0.1, 0, 0.3, np.inf, np.inf])
    assert np.isinf(distance_s(np.zeros(5, bool), times_s)).all()


@pytest.mark.parametrize(
    ("pose_deg", "openness", "share", "changed"),
    [(0, 0, 0, False), (1e-5, 1e-6, 1e-6, False), (0.01, 0, 0, True), (0, 0.001, 0, True), (0, 0, 0.001, True)],
)
def test_any_control_changes_a_frame_but_rounding_does_not(
    pose_deg: float, openness: float, share: float, changed: bool
) -> None:
    before = Attributes(np.zeros((1, 3)), np.zeros((1, len(EMOTIONS))), np.full(1, 0.5))
    after = Attributes(
        before.pose_deg + np.array([0, pose_deg, 0]), before.emotion + share, before.eye_openness - openness
    )
    assert is_changed(after, before).tolist() == [changed]

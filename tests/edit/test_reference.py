"""What is taken from another video, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from talkedit.edit.moments import Clock
from talkedit.edit.reference import check_taking, take_over
from talkedit.errors import ParamsError
from talkedit.records import Attributes


def clock(n_frames: int, fps: float = 10.0) -> Clock:
    return Clock(np.arange(n_frames) / fps, fps)


def attributes(yaw: Any, openness: float = 1.0) -> Attributes:
    pose = np.zeros((len(yaw), 3), np.float32)
    pose[:, 0] = yaw
    return Attributes(pose, np.eye(7, dtype=np.float32)[[6] * len(yaw)], np.full(len(yaw), openness, np.float32))


BEFORE = attributes(np.zeros(10), 0.5)


def taken(reference: Attributes, its: Clock, found: Any, take: Any, align: str) -> Attributes:
    return take_over(BEFORE, clock(10), reference, its, np.array(found, bool), take, align)


def test_each_frame_takes_what_the_reference_shows_at_its_time() -> None:
    """At 5 fps the reference shows 0, 2, 4, ... at 0, 0.2, 0.4 s: 1 a frame in between."""
    found = taken(attributes(np.arange(8) * 2), clock(8, 5.0), [1] * 8, ("pose",), "time")
    assert found.pose_deg[:, 0] == pytest.approx(np.arange(10), abs=1e-5)
    assert np.array_equal(found.emotion, BEFORE.emotion)
    assert np.array_equal(found.eye_openness, BEFORE.eye_openness)


def test_past_the_end_of_the_reference_all_stays_and_is_reached_smoothly() -> None:
    """It ends at 0.6 s; from 0.3 s on the way back begins: 20/27 of it at 0.4 s, 7/27 at 0.5 s, none at 0.6 s."""
    found = taken(attributes(np.full(6, 27)), clock(6), [1] * 6, ("pose",), "time")
    assert found.pose_deg[:, 0] == pytest.approx([27, 27, 27, 27, 20, 7, 0, 0, 0, 0], abs=1e-4)


def test_stretched_it_has_the_same_length() -> None:
    """20 frames of 0, 1, 2, ... become ten of 0, 2, 4, ..."""
    found = taken(attributes(np.arange(20)), clock(20), [1] * 20, ("pose", "blink"), "stretch")
    assert found.pose_deg[:, 0] == pytest.approx(np.arange(0, 20, 2), abs=1e-4)
    assert found.eye_openness == pytest.approx(np.ones(10))


def test_where_the_reference_shows_no_face_all_stays() -> None:
    shown = [1, 1, 1, 1, 1, 0, 1, 1, 1, 1]
    found = taken(attributes(np.full(10, 27)), clock(10), shown, ("pose",), "time")
    assert found.pose_deg[:, 0] == pytest.approx([27, 27, 27, 20, 7, 0, 7, 20, 27, 27], abs=1e-4)


def test_what_cannot_be_taken_is_said() -> None:
    with pytest.raises(ParamsError, match="to take 'hair' from a reference"):
        check_taking(("pose", "hair"), "time")
    with pytest.raises(ParamsError, match="to take 'nothing'"):
        check_taking((), "time")
    with pytest.raises(ParamsError, match="cannot be aligned by 'luck': give time or stretch"):
        check_taking(("pose",), "luck")

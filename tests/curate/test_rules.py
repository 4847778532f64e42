"""Verdicts on clips whose numbers are made up."""

from dataclasses import replace

import pytest

from talkedit.curate.rules import CurateParams, Numbers, judge_source
from talkedit.face.sync import Offset
from talkedit.params import load_section

from ..tiny import PARAMS_FILE

PARAMS = load_section(PARAMS_FILE, CurateParams)
GOOD = Numbers(
    sharpness=0.6, out_of_pose_share=0.0, loudness_db=-25.0, speech_share=0.6, n_speakers=1, offset=Offset(0, 1.5)
)
LATE, EARLY, UNSURE = (replace(GOOD, offset=offset) for offset in (Offset(5, 1.5), Offset(-4, 1.5), Offset(9, 0.5)))


def reasons(clips: list[Numbers], pooled: Offset | None, **changes: object) -> list[str | None]:
    params = PARAMS.model_copy(update=changes)
    return [verdict.reason for verdict in judge_source(clips, pooled, params)]


def shifts(clips: list[Numbers], pooled: Offset | None) -> list[int]:
    return [verdict.shift_frames for verdict in judge_source(clips, pooled, PARAMS)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"sharpness": 0.1}, "blurred"),
        ({"out_of_pose_share": 0.5}, "out_of_pose"),
        ({"loudness_db": -80.0}, "silent"),
        ({"speech_share": 0.01}, "silent"),
        ({"n_speakers": 2}, "several_speakers"),
        ({"n_speakers": None}, None),
        ({"offset": None}, None),
    ],
)
def test_each_number_has_its_reason(change: dict[str, object], reason: str | None) -> None:
    assert reasons([replace(GOOD, **change)], Offset(0, 1.5)) == [reason]


def test_an_offset_of_the_whole_source_is_corrected() -> None:
    clips = [LATE, LATE, UNSURE, replace(LATE, offset=None)]
    assert reasons(clips, Offset(5, 3.0)) == [None] * 4
    assert shifts(clips, Offset(5, 3.0)) == [5] * 4


def test_one_frame_is_left_alone() -> None:
    assert shifts([replace(GOOD, offset=Offset(1, 2.0))] * 3, Offset(1, 3.0)) == [0] * 3


def test_a_clip_that_is_certain_of_another_offset_than_its_source_is_rejected() -> None:
    verdicts = judge_source([LATE] * 5 + [EARLY], Offset(5, 3.0), PARAMS)
    assert [verdict.reason for verdict in verdicts] == [None] * 5 + ["out_of_sync"]
    assert [verdict.shift_frames for verdict in verdicts] == [5] * 5 + [0]
    assert "-4 frames late; its source is 5" in (verdicts[-1].detail or "")


def test_a_source_without_one_offset_is_not_corrected() -> None:
    clips = [LATE, LATE, EARLY, GOOD, UNSURE]
    assert reasons(clips, Offset(5, 2.0)) == ["out_of_sync"] * 3 + [None] * 2
    assert shifts(clips, Offset(5, 2.0)) == [0] * 5


def test_what_nobody_can_tell_is_kept_or_rejected_as_asked() -> None:
    assert reasons([UNSURE], Offset(9, 0.5)) == [None]
    assert shifts([UNSURE], Offset(9, 0.5)) == [0]
    assert reasons([UNSURE, GOOD], Offset(9, 0.5), unknown_sync="reject") == ["sync_unknown", None]


def test_two_voices_are_let_through_where_that_is_asked_for() -> None:
    two = replace(GOOD, n_speakers=2)
    assert reasons([two], None, max_speakers=2) == [None]
    assert reasons([two], None, max_speakers=None) == [None]
    (verdict,) = judge_source([two], None, PARAMS)
    assert "2 voices" in (verdict.detail or "")

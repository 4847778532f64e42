"""No frame is in two clips, both splits have some, and one more source moves nobody else's."""

from fractions import Fraction

import pytest
from pydantic import ValidationError

from talkedit.media.segment import SegmentParams, Source, plan_clips
from talkedit.records import CLIP_FPS, Clip

PARAMS = SegmentParams(clip_s=4.0, min_clip_s=2.0, cut_threshold=27.0, validation_share=0.15, guard_s=0.2, seed=0)
MANY: list[Source] = [Source(f"s{i}", f"s{i}.mp4", Fraction(30 + i)) for i in range(40)]


def frames_of(clip: Clip) -> set[tuple[str, Fraction]]:
    return {(clip.source, time) for time in clip.times_s()}


def test_one_short_source_is_cut_in_two() -> None:
    """5.772 s are 144 frames: 15% are 22 held out, 5 are the guard, 117 remain."""
    train, held_out = plan_clips([Source("a", "a.mp4", Fraction(172_999, 29_970))], PARAMS)
    assert (train.start_s, train.n_frames, train.split) == (0, 117, "train")
    assert (held_out.start_s, held_out.n_frames, held_out.split) == (Fraction(122, 25), 22, "validation")
    assert train.clip_id != held_out.clip_id


def test_the_held_out_end_is_at_least_four_fifths_of_a_second() -> None:
    train, held_out = plan_clips([Source("a", "a.mp4", Fraction(2))], PARAMS)
    assert (train.n_frames, held_out.start_s, held_out.n_frames) == (25, Fraction(30, 25), 20)


def test_clips_of_a_source_are_equal_and_held_out_ones_give_up_the_guard() -> None:
    clips = plan_clips([Source("a", "a.mp4", Fraction(60))], PARAMS)
    assert [clip.start_s // 4 for clip in clips] == list(range(15))
    assert {clip.n_frames for clip in clips if clip.split == "train"} == {100}
    inner = [clip for clip in clips if clip.split == "validation" and 0 < clip.start_s < 55]
    assert inner
    assert all((clip.start_s % 4, clip.n_frames) == (Fraction(1, 5), 90) for clip in inner)


def test_no_frame_is_in_two_clips_and_none_lies_past_the_end() -> None:
    clips = plan_clips(MANY, PARAMS)
    frames = [frame for clip in clips for frame in frames_of(clip)]
    assert len(frames) == len(set(frames))
    ends = {source.file: source.duration_s for source in MANY}
    assert all(clip.start_s + clip.n_frames / CLIP_FPS <= ends[clip.source] for clip in clips)
    assert all((clip.start_s * 25).denominator == 1 for clip in clips)


def test_about_the_share_asked_for_is_held_out() -> None:
    clips = plan_clips(MANY, PARAMS)
    share = sum(clip.split == "validation" for clip in clips) / len(clips)
    assert 0.10 < share < 0.20
    assert len(clips) > 400


def test_one_more_source_moves_no_other() -> None:
    before, after = plan_clips(MANY, PARAMS), plan_clips([Source("new", "new.mp4", Fraction(99)), *MANY], PARAMS)
    assert [clip for clip in after if clip.source != "new.mp4"] == before


def test_another_seed_holds_out_others() -> None:
    other = PARAMS.model_copy(update={"seed": 1})
    splits = [[clip.split for clip in plan_clips(MANY, params)] for params in (PARAMS, other)]
    assert splits[0] != splits[1]


@pytest.mark.parametrize("seed", range(20))
def test_two_clips_are_one_of_each(seed: int) -> None:
    clips = plan_clips([Source("a", "a.mp4", Fraction(8))], PARAMS.model_copy(update={"seed": seed}))
    assert sorted(clip.split for clip in clips) == ["train", "validation"]


def test_too_short_sources_give_nothing() -> None:
    assert plan_clips([Source("a", "a.mp4", Fraction(199, 100))], PARAMS) == []
    assert plan_clips([], PARAMS) == []


def test_no_clip_is_shorter_than_the_least() -> None:
    params = PARAMS.model_copy(update={"min_clip_s": 4.0})
    clips = plan_clips([Source("a", "a.mp4", Fraction(796, 100)), Source("b", "b.mp4", Fraction(4))], params)
    assert sorted(clip.n_frames for clip in clips if clip.split == "train" or clip.start_s == 0)[-1] >= 100
    assert len(clips) == 2


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="clip_s"):
        SegmentParams(clip_s=1.0, min_clip_s=2.0, cut_threshold=27.0, validation_share=0.1, guard_s=0.2, seed=0)


def test_no_clip_is_on_both_sides_of_a_cut() -> None:
    """Cuts at 5.01 s (frame 126 is the first after it), at 8 s, and one frame later: 126 + 74 + 1 + 99 frames."""
    cuts_s = [Fraction("5.01"), Fraction(8), Fraction("8.04")]
    clips = plan_clips([Source("a", "a.mp4", Fraction(12), cuts_s)], PARAMS.model_copy(update={"guard_s": 0.0}))
    assert [(clip.start_s * 25, clip.n_frames) for clip in clips] == [(0, 126), (126, 74), (201, 99)]
    assert [clip.clip_id for clip in clips] == ["a-0000", "a-0001", "a-0002"]


def test_a_frame_that_shows_the_next_scene_already_is_in_neither_clip() -> None:
    """A cut 0.4 ms after frame 100's time: that frame is shown from the next scene, which begins with frame 101."""
    cuts_s = [4 + Fraction(4, 10_000)]
    clips = plan_clips([Source("a", "a.mp4", Fraction(8), cuts_s)], PARAMS.model_copy(update={"guard_s": 0.0}))
    assert [(clip.start_s * 25, clip.n_frames) for clip in clips] == [(0, 100), (101, 99)]


@pytest.mark.parametrize(
    ("start_s", "end_s", "frames"),
    [
        ("1", "4", (25, 100)),  # what is on the screen at 4 s is not in
        ("1.01", "3.99", (26, 100)),  # the first time on the 25 fps clock from 1.01 s on is 1.04 s
        ("7", "100", (175, 250)),
        ("1", "4.0005", (25, 100)),  # a frame that begins then would be shown at 4 s
    ],
)
def test_only_what_is_between_start_and_end_is_used(start_s: str, end_s: str, frames: tuple[int, int]) -> None:
    cuts_s = [Fraction("0.5"), Fraction(20)]  # outside
    train, held_out = plan_clips(
        [Source("a", "a.mp4", Fraction(10), cuts_s, Fraction(start_s), Fraction(end_s))], PARAMS
    )
    assert train.start_s * 25 == frames[0]
    assert held_out.start_s * 25 + held_out.n_frames == frames[1]


def test_two_parts_of_one_film_keep_apart_from_each_other() -> None:
    """Where the first part ends the second begins, or a frame later."""
    for gap in (0, 1):
        parts = [
            Source("a", "a.mp4", Fraction(24), end_s=Fraction(12), film="f"),
            Source("b", "b.mp4", Fraction(24), start_s=12 + gap / CLIP_FPS, film="f"),
        ]
        seen = 0
        for seed in range(20):
            clips = plan_clips(parts, PARAMS.model_copy(update={"seed": seed}))
            first = [clip for clip in clips if clip.source == "a.mp4"]
            if first[-1].split == "validation" and clips[len(first)].split == "train":
                end_s = first[-1].start_s + first[-1].n_frames / CLIP_FPS
                assert clips[len(first)].start_s - end_s >= Fraction(str(PARAMS.guard_s))
                seen += 1
        assert seen

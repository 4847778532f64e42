"""The order of a run: shuffled, fair, the same every time, known without decoding."""

from collections import Counter
from itertools import chain, islice, pairwise

import numpy as np
import pytest

from talkedit.shards.sampler import MAX_ITEMS, POOL, Pick, Sampler, draw_part, draw_targets, rarity

T = 5


def draw(sampler: Sampler, n_steps: int) -> list[list[int]]:
    """The clips of each step's windows."""
    return [[pick.visit.clip for pick in next(sampler)] for _ in range(n_steps)]


def flat(steps: list[list[int]]) -> list[int]:
    return list(chain.from_iterable(steps))


def test_the_seed_decides_the_order() -> None:
    def steps(seed: int) -> list[list[Pick]]:
        return list(islice(iter(Sampler([100] * 50, T, 2, seed).__next__, None), 250))

    assert steps(3) == steps(3)
    assert steps(3) != steps(4)


@pytest.mark.parametrize("n_windows", [1, 4, 32])
def test_a_clip_gives_at_most_16_windows_while_it_is_in_memory(n_windows: int) -> None:
    sampler = Sampler([100] * 500, T, n_windows, seed=0)  # 20 windows' worth, of which 16 are taken
    drawn = Counter(flat(draw(sampler, POOL * MAX_ITEMS * 4 // n_windows)))
    assert max(drawn.values()) == MAX_ITEMS


@pytest.mark.parametrize("n_windows", [1, 4, 5, 32])
def test_windows_are_shuffled_across_the_whole_pool(n_windows: int) -> None:
    sampler = Sampler([100] * 400, T, n_windows, seed=0)
    pool = {visit.clip for visit in sampler.pool()}
    assert len(pool) >= POOL == 32
    steps = draw(sampler, 20 * len(pool) // n_windows)
    assert len(set(flat(steps[: 4 * len(pool) // n_windows])) & pool) >= 0.9 * len(pool)
    same = np.mean([a == b for first, second in pairwise(steps) for a, b in zip(first, second, strict=True)])
    assert same == pytest.approx(n_windows / len(pool), abs=0.04)  # as rare as chance in the window's part of the pool


@pytest.mark.parametrize("n_windows", [1, 4])
def test_windows_of_a_step_share_no_clip_where_there_are_enough(n_windows: int) -> None:
    assert all(len(set(step)) == n_windows for step in draw(Sampler([80] * 300, T, n_windows, seed=0), 500))


def test_each_window_of_a_step_has_clips_of_its_own() -> None:
    """So that processes that share the windows decode different ones; both clips of a window come from its part."""
    sampler, seen = Sampler([100] * 1000, T, 4, seed=0), [set(), set(), set(), set()]
    parts = [sampler.pool(slice(index, index + 1)) for index in range(4)]
    assert [len(part) for part in parts] == [8] * 4
    assert sampler.pool(slice(1, 3)) == parts[1] | parts[2]
    for _ in range(400):  # 1600 windows, of about 100 clips
        for clips, pick in zip(seen, next(sampler), strict=True):
            assert pick.visit.clip != pick.other.clip
            clips |= {visit.clip for visit in pick}
    assert len(set.union(*seen)) == sum(map(len, seen)) > 100


def test_clips_do_not_leave_the_pool_all_at_once() -> None:
    """Of 64 clips two or so are used up in each step; beginning all at the same time, it would be over 5 at first."""
    sampler, before = Sampler([80] * 1000, T, 32, seed=0), set()
    left = []
    for _ in range(40):
        pool = sampler.pool()
        left.append(len(before - pool))
        before = pool
        next(sampler)
    assert np.mean(left[1:]) == pytest.approx(32 / MAX_ITEMS, abs=0.5)
    assert max(np.convolve(left[1:], np.ones(4), mode="valid")) <= 4 * 5


def test_every_clip_comes_before_one_comes_again() -> None:
    sampler = Sampler([80] * 40, T, 1, seed=0)
    drawn = Counter(flat(draw(sampler, 40 * MAX_ITEMS)))
    assert len(drawn) >= 36  # the rest are in the pool or wait for it
    assert max(drawn.values()) <= 2 * MAX_ITEMS


@pytest.mark.parametrize("n_windows", [1, 2])
def test_long_clips_give_more_windows_each_frame_as_often(n_windows: int) -> None:
    lengths = [10, 40, 80, 160, 400]  # 2, 8, 16, 2 x 16 and 5 x 16 windows
    n_epochs = 100
    counts = Counter(flat(draw(Sampler(lengths, T, n_windows, seed=0), n_epochs * sum(lengths) // T // n_windows)))
    assert [counts[clip] / n_epochs for clip in range(5)] == pytest.approx([2, 8, 16, 32, 80], rel=0.15)


def test_one_clip_is_enough() -> None:
    sampler = Sampler([20], T, 2, seed=0)
    visits = {visit for _ in range(50) for pick in next(sampler) for visit in pick}
    assert {visit.clip for visit in visits} == {0}
    assert len(visits) > POOL  # of four windows each


@pytest.mark.parametrize("in_a_row", [True, False])
def test_a_window_has_no_frame_twice_and_every_frame_comes(in_a_row: bool) -> None:
    rng = np.random.default_rng(0)
    seen: set[int] = set()
    for _ in range(200):
        frames = draw_targets(np.ones(20), T, rng, in_a_row)
        assert len(set(frames.tolist())) == T
        assert not in_a_row or frames.tolist() == list(range(frames[0], frames[0] + T))
        seen |= set(frames.tolist())
    assert seen == set(range(20))


@pytest.mark.parametrize("in_a_row", [True, False])
def test_frames_of_more_weight_come_more_often(in_a_row: bool) -> None:
    """Frame 10 of 20 lies in 5 of the 16 windows in a row; with nine times the weight these weigh 13, not 5."""
    rng, weights = np.random.default_rng(0), np.ones(20)
    weights[10] = 9
    share = np.mean([10 in draw_targets(weights, T, rng, in_a_row) for _ in range(2000)])
    # Not in a row, 5 draws of 28 tickets, 9 of them this frame's.
    wanted = 5 * 13 / (5 * 13 + 11 * 5) if in_a_row else 1 - np.prod([1 - 9 / (28 - n) for n in range(T)])
    assert share == pytest.approx(wanted, abs=0.04)


def test_what_is_rare_comes_as_often_as_what_is_not_in_half_of_the_draws() -> None:
    """Nine eyes open at 0.7 and one at 0.1: half of the weight even (1 each), half 5 for each of the two bins."""
    weights = rarity(np.array([0.7] * 9 + [0.1]), 0.2)
    assert weights == pytest.approx([0.5 + 0.5 * 5 / 9] * 9 + [0.5 + 0.5 * 5])
    assert weights.mean() == pytest.approx(1)
    assert rarity(np.full(4, 0.7), 0.2) == pytest.approx(np.ones(4))


@pytest.mark.parametrize(
    ("n_frames", "least", "parts"),
    [
        (75, 10, [range(25), range(25, 50), range(50, 75)]),
        (85, 10, [range(25), range(25, 50), range(50, 75), range(75, 85)]),
        (84, 10, [range(25), range(25, 50), range(50, 84)]),  # nine frames are too few
        (20, 10, [range(20)]),
        (100, 40, [range(50), range(50, 100)]),
    ],
)
def test_parts_of_a_clip_begin_at_key_frames_and_none_is_too_short(
    n_frames: int, least: int, parts: list[range]
) -> None:
    rng = np.random.default_rng(0)
    drawn = {draw_part(np.ones(n_frames), least, rng) for _ in range(100)}
    assert sorted(drawn, key=lambda part: part.start) == parts


def test_a_part_comes_as_often_as_its_frames_are_to() -> None:
    weights = np.ones(60)  # parts of 25 and 35 frames
    weights[:25] = 7
    rng = np.random.default_rng(0)
    share = np.mean([draw_part(weights, 20, rng).start == 0 for _ in range(2000)])
    assert share == pytest.approx(7 * 25 / (7 * 25 + 35), abs=0.03)

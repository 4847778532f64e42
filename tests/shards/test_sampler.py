"""The order of a run: shuffled, fair, the same every time, known without decoding."""

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from talkedit.shards.sampler import MAX_ITEMS, POOL, Sampler, draw_frames, rarity

T = 5


def draw(sampler: Sampler, n: int) -> list[int]:
    return list(islice(iter(sampler.__next__, None), n))


def test_the_seed_decides_the_order() -> None:
    lengths = [100] * 50
    first = draw(Sampler(lengths, T, seed=3), 500)
    assert first == draw(Sampler(lengths, T, seed=3), 500)
    assert first != draw(Sampler(lengths, T, seed=4), 500)


def test_a_clip_gives_at_most_16_windows_while_it_is_in_memory() -> None:
    sampler = Sampler([100] * 200, T, seed=0)  # 20 windows' worth, of which 16 are taken
    drawn = draw(sampler, 32 * 16 * 3)
    assert max(Counter(drawn).values()) == MAX_ITEMS


def test_windows_are_shuffled_across_the_whole_pool() -> None:
    sampler = Sampler([100] * 200, T, seed=0)
    draw(sampler, 1000)  # past the start, where all clips have come at once
    pool = sampler.pool()
    assert len(pool) == POOL >= 32
    assert len(set(draw(sampler, 10 * POOL)) & pool) >= 0.9 * POOL
    neighbours = draw(sampler, 5000)
    same = np.mean([a == b for a, b in pairwise(neighbours)])
    assert same == pytest.approx(1 / POOL, abs=0.01)  # as rare as chance


def test_every_clip_comes_before_one_comes_again() -> None:
    sampler = Sampler([80] * 40, T, seed=0)
    drawn = Counter(draw(sampler, 40 * MAX_ITEMS))
    assert len(drawn) >= 36  # the rest are in the pool or wait for it
    assert max(drawn.values()) <= 2 * MAX_ITEMS


def test_long_clips_give_more_windows_each_frame_as_often() -> None:
    lengths = [10, 40, 80, 160, 400]  # 2, 8, 16, 2 x 16 and 5 x 16 windows
    n_epochs = 100
    counts = Counter(draw(Sampler(lengths, T, seed=0), n_epochs * sum(lengths) // T))
    assert [counts[clip] / n_epochs for clip in range(5)] == pytest.approx([2, 8, 16, 32, 80], rel=0.15)


def test_one_clip_is_enough() -> None:
    sampler = Sampler([20], T, seed=0)
    assert draw(sampler, 100) == [0] * 100
    assert sampler.pool() == {0}


@pytest.mark.parametrize("in_a_row", [True, False])
def test_a_window_has_no_frame_twice_and_every_frame_comes(in_a_row: bool) -> None:
    rng = np.random.default_rng(0)
    seen: set[int] = set()
    for _ in range(200):
        frames = draw_frames(np.ones(20), T, rng, in_a_row)
        assert len(set(frames.tolist())) == T
        assert not in_a_row or frames.tolist() == list(range(frames[0], frames[0] + T))
        seen |= set(frames.tolist())
    assert seen == set(range(20))


@pytest.mark.parametrize("in_a_row", [True, False])
def test_frames_of_more_weight_come_more_often(in_a_row: bool) -> None:
    """Frame 10 of 20 lies in 5 of the 16 windows in a row; with nine times the weight these weigh 13, not 5."""
    rng, weights = np.random.default_rng(0), np.ones(20)
    weights[10] = 9
    share = np.mean([10 in draw_frames(weights, T, rng, in_a_row) for _ in range(2000)])
    # Not in a row, 5 draws of 28 tickets, 9 of them this frame's.
    wanted = 5 * 13 / (5 * 13 + 11 * 5) if in_a_row else 1 - np.prod([1 - 9 / (28 - n) for n in range(T)])
    assert share == pytest.approx(wanted, abs=0.04)


def test_what_is_rare_comes_as_often_as_what_is_not_in_half_of_the_draws() -> None:
    """Nine eyes open at 0.7 and one at 0.1: half of the weight even (1 each), half 5 for each of the two bins."""
    weights = rarity(np.array([0.7] * 9 + [0.1]), 0.2)
    assert weights == pytest.approx([0.5 + 0.5 * 5 / 9] * 9 + [0.5 + 0.5 * 5])
    assert weights.mean() == pytest.approx(1)
    assert rarity(np.full(4, 0.7), 0.2) == pytest.approx(np.ones(4))

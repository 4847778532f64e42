"""The order of a run: shuffled, fair, the same every time, known without decoding."""

from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from talkedit.shards.sampler import MAX_ITEMS, POOL, Sampler, draw_frames

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
def test_a_source_is_never_from_inside_the_target_window(in_a_row: bool) -> None:
    rng = np.random.default_rng(0)
    seen: dict[str, set[int]] = {"target": set(), "source": set()}
    for _ in range(200):
        target, source = draw_frames(20, T, rng, in_a_row)
        assert not set(source.tolist()) & set(target.tolist())
        assert len(set(source.tolist())) == len(set(target.tolist())) == T
        assert not in_a_row or target.tolist() == list(range(target[0], target[0] + T))
        seen["target"] |= set(target.tolist())
        seen["source"] |= set(source.tolist())
    assert seen == {"target": set(range(20)), "source": set(range(20))}


def test_the_shortest_clip_uses_all_its_frames() -> None:
    target, source = draw_frames(10, T, np.random.default_rng(0), in_a_row=False)
    assert sorted([*target, *source]) == list(range(10))

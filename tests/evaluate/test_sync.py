"""Confidence, distance and offset of made-up embeddings whose answers are known."""

import numpy as np
import pytest

from talkedit.evaluate.sync import sync_score


def unit_vectors(n: int, dim: int = 64) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("late_frames", [-4, 0, 3])
def test_an_offset_is_found_with_its_sign(late_frames: int) -> None:
    """Lips at i are those of the speech at i - late: late lips have a positive offset, the speech came before."""
    speech = unit_vectors(80)
    assert sync_score(np.roll(speech, late_frames, axis=0), speech).offset_frames == late_frames


def test_one_window_and_one_shift_by_hand() -> None:
    """Against the speech the lips lie at 0; against the zeros before and after it, at their own length 5: median 5."""
    lips = np.float32([[3, 4]])
    score = sync_score(lips, lips, most_shift=1)
    assert score == (pytest.approx(5), pytest.approx(0), 0)


def test_each_shift_is_averaged_over_the_windows_before_the_least_is_taken() -> None:
    lips, speech = np.float32([[1], [2]]), np.float32([[2], [4]])
    # Speech a frame earlier: |1 - 0|, |2 - 2|; at once: 1, 2; later: |1 - 4|, |2 - 0|. Means 0.5, 1.5, 2.5.
    assert sync_score(lips, speech, most_shift=1) == (pytest.approx(1), pytest.approx(0.5), 1)


def test_without_a_window_there_is_no_answer() -> None:
    score = sync_score(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))
    assert np.isnan(score).all()  # the offset too: as 0 it would count as in sync

"""The Frechet distance by hand."""

import numpy as np
import pytest

from talkedit.evaluate.frechet import frechet_distance


def test_in_one_dimension_it_is_the_difference_of_means_and_of_deviations() -> None:
    """Means 1 and 4, standard deviations sqrt(2) and 3 sqrt(2): 3^2 + (2 sqrt(2))^2."""
    assert frechet_distance(np.float32([[0], [2]]), np.float32([[1], [7]])) == pytest.approx(9 + 8)


def test_equal_sets_are_at_0_and_a_shift_counts_squared() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert frechet_distance(features, features[::-1]) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features + np.float32([3, 0, 4]), features) == pytest.approx(25, abs=1e-4)

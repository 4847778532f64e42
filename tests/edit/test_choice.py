"""One source is kept until another is worth the change."""

import itertools

import numpy as np

from talkedit.edit.choice import cheapest_path


def test_a_path_changes_where_that_is_worth_it() -> None:
    costs = np.array([[0.0, 5.0, 9.0], [1.0, 0.0, 9.0], [1.0, 0.0, 9.0], [9.0, 9.0, 0.0]])
    assert cheapest_path(costs, 0.0).tolist() == [0, 1, 1, 2]
    assert cheapest_path(costs, 1.5).tolist() == [0, 1, 1, 2]  # 3 for two changes; 3.5 from the first to the third
    assert cheapest_path(costs, 2.5).tolist() == [0, 0, 0, 2]
    assert cheapest_path(costs, 12.0).tolist() == [0, 0, 0, 0]  # 11, rather than 14 with a change or 14 with the second


def test_the_path_is_the_cheapest_of_all() -> None:
    costs = np.random.default_rng(0).random((5, 3))
    paths = np.array(list(itertools.product(range(3), repeat=5)))
    for change_cost in (0.0, 0.1, 0.3, 1.0):
        sums = costs[np.arange(5), paths].sum(axis=1) + change_cost * (np.diff(paths, axis=1) != 0).sum(axis=1)
        assert cheapest_path(costs, change_cost).tolist() == paths[sums.argmin()].tolist()

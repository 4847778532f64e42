"""Which of several frames each frame is drawn from: the same one, until another is worth the change.

Whatever differs between two sources, mouths above all, moves where the source changes, with no sound to it.
"""

import numpy as np
from numpy.typing import NDArray

from talkedit.records import Doubles

Indices = NDArray[np.intp]


def cheapest_path(costs: Doubles, change_cost: float) -> Indices:
    """A column for each row of costs (N, M): the least sum of costs, and of `change_cost` for each other column; (N,).

    Exact, by dynamic programming (Viterbi).
    """
    columns = np.arange(costs.shape[1])
    least, came_from = costs[0], []
    for row in costs[1:]:
        best = int(least.argmin())
        stays = least <= least[best] + change_cost
        came_from.append(np.where(stays, columns, best))
        least = np.where(stays, least, least[best] + change_cost) + row
    path = [int(least.argmin())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])

"""The processes that share each step: what one of them has to know so that all of them train what one alone would.

Norms aside where they are on CPUs, each over the windows of its own process; see `talkedit.train.machine.place`.
"""

from typing import cast

from lightning_fabric import Fabric
from torch import Tensor


class Processes:
    """This process among those that share each step; rows (windows, frames) are shared out evenly, in order.

    Args:
        rank: Which one this is.
        n: How many there are.
        fabric: Connects them; not needed for one alone, nor for `own_rows`.
    """

    def __init__(self, rank: int = 0, n: int = 1, fabric: Fabric | None = None) -> None:
        self.rank, self.n, self._fabric = rank, n, fabric

    @classmethod
    def of(cls, fabric: Fabric) -> "Processes":
        """Those that were launched."""
        return cls(fabric.global_rank, fabric.world_size, fabric)

    def own_rows(self, all_rows: Tensor) -> Tensor:
        """(n * N, ...) of all to the (N, ...) of this one: for chance, which all draw alike."""
        return all_rows.chunk(self.n)[self.rank]

    def all_rows(self, own_rows: Tensor) -> Tensor:
        """(N, ...) of each to the (n * N, ...) of all, without gradients; every process must ask."""
        if self._fabric is None or self.n == 1:
            return own_rows.detach()
        gathered = cast(Tensor, self._fabric.all_gather(own_rows.detach()))
        return gathered.flatten(0, 1).to(own_rows.device)

    def mean(self, values: Tensor, weights: Tensor) -> Tensor:
        """The weighted mean of all rows, in this process's part: what is averaged over the processes is that mean.

        Args:
            values: (N,), of this process.
            weights: (N,), likewise, at least 0; where they are 0 in all processes the mean is 0.
        """
        share = self.all_rows(weights.sum()[None]).mean()
        return (values * weights).sum() / share.clamp_min(1e-9)


ALONE = Processes()

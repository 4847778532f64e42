"""Measures several ways of doing the same work side by side: in turns, so that a busy machine is as busy for all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

import torch

from talkedit.bench.machine import peak_memory_mb


@dataclass
class Contestant:
    """One way of doing the work, and the times that it took.

    Attributes:
        name: What it is.
        run: Does the work once.
        n_images: Images in one run.
        n_parameters: Of its network; 0 where that is another's too.
        gmacs: Billions of multiplications for an image; 0 where they are not counted.
        seconds: Of each run.
        waited_s: Of that, spent waiting for data, all runs together; who waits adds it here.
        peak_mb: Most memory of the first run, which is not timed.
    """

    name: str
    run: Callable[[], object]
    n_images: int
    n_parameters: int = 0
    gmacs: float = 0.0
    seconds: list[float] = field(default_factory=list)
    waited_s: float = 0.0
    peak_mb: float = 0.0

    @property
    def images_per_s(self) -> float:
        """The median's."""
        return self.n_images / median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles' images a second: half of the runs were between these."""
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return self.n_images / high, self.n_images / low

    @property
    def waited_share(self) -> float:
        """Share of the time spent waiting for data, 0..1."""
        return self.waited_s / sum(self.seconds)

    def times(self, other: "Contestant") -> float:
        """How many times as fast as `other` an image is made: the median over the turns."""
        pairs = zip(other.seconds, self.seconds, strict=True)
        return median(theirs / own for theirs, own in pairs) * self.n_images / other.n_images


def race(contestants: Sequence[Contestant], n_rounds: int, turn_done: Callable[[], None]) -> None:
    """Lets everybody run once to warm up, then all in turns, and notes the times.

    Args:
        contestants: Who runs; their times are filled in.
        n_rounds: Timed runs of each, at least 2.
        turn_done: Called after each run, also those to warm up.
    """
    for contestant in contestants:
        contestant.peak_mb = peak_memory_mb(contestant.run)
        contestant.waited_s = 0.0
        turn_done()
    for _ in range(n_rounds):
        for contestant in contestants:
            contestant.seconds.append(_time(contestant.run))
            turn_done()


def _time(run: Callable[[], object]) -> float:
    _wait_for_gpu()
    started = time.perf_counter()
    run()
    _wait_for_gpu()
    return time.perf_counter() - started


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()

"""What a step needs, made while the step before it is trained."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """What each step of a run takes, on a thread of its own made one step ahead; `close` ends that.

    Args:
        make: What a step takes; asked for one step at a time, always by the same thread, which must not wait for other
            processes: these may be elsewhere, and training waits for them too.
        n_steps: Steps of a whole run.

    Attributes:
        waited_s: How long steps had to wait for what they take, in seconds.
    """

    def __init__(self, make: Callable[[int], T], n_steps: int) -> None:
        self._make, self._n_steps = make, n_steps
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._coming: dict[int, Future[T]] = {}
        self.waited_s = 0.0

    def take(self, step: int) -> T:
        """What a step takes; quick if it is the one after the last.

        Raises:
            Exception: Whatever `make` raised for this step.
        """
        started = time.monotonic()
        this = self._coming.pop(step, None) or self._thread.submit(self._make, step)
        taken = this.result()
        if step + 1 < self._n_steps:
            self._coming = {step + 1: self._thread.submit(self._make, step + 1)}
        self.waited_s += time.monotonic() - started
        return taken

    def close(self) -> None:
        """Ends the thread; what it has begun is finished first."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

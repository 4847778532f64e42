"""Work on many items in as many processes as there are cores."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[Callable[..., T], list[tuple[Any, ...]]], Iterator[T]]


@contextmanager
def workers(n_items: int, n_most: int | None = None, in_order: bool = True) -> Iterator[Work[Any]]:
    """A function like map, over processes.

    Args:
        n_items: How many items there are; no more processes than that are started, and none for a single one.
        n_most: Most processes; the number of cores if not given.
        in_order: Whether results come in the order of the items. If not, each comes as soon as it is there, so that
            whoever keeps them loses nothing but what is in hand when the run is killed.

    Yields:
        A function of a module-level function and a list of its arguments' tuples.
    """
    n_workers = min(n_most or os.cpu_count() or 1, n_items)
    if n_workers <= 1:
        yield lambda function, arguments: (function(*each) for each in arguments)
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        yield lambda function, arguments: _results(pool, function, arguments, in_order)


def _results(
    pool: Executor, function: Callable[..., T], arguments: list[tuple[Any, ...]], in_order: bool
) -> Iterator[T]:
    futures = [pool.submit(function, *each) for each in arguments]
    try:
        for future in futures if in_order else as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()

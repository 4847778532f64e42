"""Work on many items in as many processes as there are cores; results come in the order of the items."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[Callable[..., T], list[tuple[Any, ...]]], Iterator[T]]


@contextmanager
def workers(n_items: int, n_most: int | None = None) -> Iterator[Work[Any]]:
    """A function like map, over processes.

    Args:
        n_items: How many items there are; no more processes than that are started, and none for a single one.
        n_most: Most processes; the number of cores if not given.

    Yields:
        A function of a module-level function and a list of its arguments' tuples.
    """
    n_workers = min(n_most or os.cpu_count() or 1, n_items)
    if n_workers <= 1:
        yield lambda function, arguments: (function(*each) for each in arguments)
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        yield lambda function, arguments: _in_order(pool, function, arguments)


def _in_order(pool: Executor, function: Callable[..., T], arguments: list[tuple[Any, ...]]) -> Iterator[T]:
    futures = [pool.submit(function, *each) for each in arguments]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()

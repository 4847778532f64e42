"""Work in a thread of its own, so that what makes items and what takes them overlap, in bounded memory."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


@contextmanager
def ahead(items: Generator[T], n_waiting: int) -> Iterator[Iterator[T]]:
    """The same items in the same order, made in a thread of their own before they are asked for.

    An error of the thread is raised where its item is asked for. Leaving the context, for whatever reason, ends the
    thread and closes `items` there.

    Args:
        items: Makes them.
        n_waiting: Most of them that are made and not asked for yet.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(next, items, _END) for _ in range(n_waiting))

        def arrived() -> Iterator[T]:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(pool.submit(next, items, _END))
                yield item

        try:
            yield arrived()
        finally:
            for future in waiting:
                future.cancel()
            pool.submit(items.close)

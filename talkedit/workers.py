"""Work on many items in as many processes as there are cores, here or on a Ray cluster.

Who does the work changes no byte of what comes out, so it is no matter of params.yaml: the environment variable
``TALKEDIT_ENGINE`` says ``local`` (as without it) or ``ray``, and ``TALKEDIT_WORKERS`` how many processes there are.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from talkedit.cores import n_cores
from talkedit.errors import ParamsError, TalkeditError

T = TypeVar("T")
Work = Callable[[Callable[..., T], list[tuple[Any, ...]]], Iterator[T]]

ENGINE_VARIABLE = "TALKEDIT_ENGINE"
WORKERS_VARIABLE = "TALKEDIT_WORKERS"
ENGINES = ("local", "ray")


@contextmanager
def workers(
    n_items: int, n_most: int | None = None, in_order: bool = True, n_usual: int | None = None
) -> Iterator[Work[Any]]:
    """A function like map, over processes of the engine that the environment names.

    Args:
        n_items: How many items there are; no more processes than that are started, and here none for a single one.
        n_most: Most processes; if not given, as many as ``TALKEDIT_WORKERS`` says, or as `n_usual` does.
        in_order: Whether results come in the order of the items. If not, each comes as soon as it is there, so that
            whoever keeps them loses nothing but what is in hand when the run is killed.
        n_usual: Most processes where nobody says; if not given, as many as there are cores.

    Yields:
        A function of a module-level function and a list of its arguments' tuples.

    Raises:
        ParamsError: A variable has a value that cannot be used.
        TalkeditError: Ray cannot be used, or a process died.
    """
    engine, n_most = _engine(), n_most or _n_workers() or n_usual
    if engine == "ray" and n_items:
        from talkedit.cluster import ray_workers  # noqa: PLC0415 (Ray is an extra)

        with ray_workers(n_items, n_most, in_order) as run_all:
            yield run_all
        return
    n_workers = min(n_most or n_cores(), n_items)
    if n_workers <= 1:
        yield lambda function, arguments: (function(*each) for each in arguments)
        return
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        yield lambda function, arguments: _results(pool, function, arguments, in_order)


def _engine() -> str:
    engine = os.environ.get(ENGINE_VARIABLE) or ENGINES[0]
    if engine not in ENGINES:
        raise ParamsError(f"the environment variable {ENGINE_VARIABLE} is {engine!r}: should be {' or '.join(ENGINES)}")
    return engine


def _n_workers() -> int | None:
    text = os.environ.get(WORKERS_VARIABLE)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ParamsError(f"the environment variable {WORKERS_VARIABLE} is {text!r}: should be a number, 1 or more")
    return int(text)


def _results(
    pool: Executor, function: Callable[..., T], arguments: list[tuple[Any, ...]], in_order: bool
) -> Iterator[T]:
    futures = [pool.submit(function, *each) for each in arguments]
    try:
        for future in futures if in_order else as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise TalkeditError(
            f"a process died, perhaps for want of memory: set {WORKERS_VARIABLE} to fewer of them, then run it again "
            "to go on from what was finished"
        ) from error
    finally:
        for future in futures:
            future.cancel()

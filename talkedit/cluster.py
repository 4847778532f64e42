"""Work on many items on a Ray cluster: what `talkedit.workers` does where the engine is ray.

Ray is imported here alone, and only when it is asked for. The machines share the project's folder under one path and
have the same talkedit installed.
"""

import inspect
import os
import platform
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from talkedit.closure import code_hash
from talkedit.errors import TalkeditError

T = TypeVar("T")
Tasks = list[tuple[Any, ...]]

N_RETRIES = 3  # of an item whose worker died; another worker takes its place however often that happens
ANSWER_S = 20.0  # how long a cluster may take to answer
_STORE_BYTES = 128 * 2**20  # of Ray's shared memory, where we start it; what comes back are rows of tables
_OURS = "TALKEDIT_"


@contextmanager
def ray_workers(n_items: int, n_most: int | None, in_order: bool) -> Iterator[Callable[..., Iterator[Any]]]:
    """A function like map, over actors of Ray, one a core, each of which keeps what it has loaded.

    The cluster is the one that the program is connected to already, or that ``RAY_ADDRESS`` names, or one that is
    started on this machine and ends with the work.

    Args:
        n_items: How many items there are; no more actors than that are started.
        n_most: Most actors; the number of the cluster's cores if not given.
        in_order: Whether results come in the order of the items, or each as soon as it is there.

    Yields:
        A function of a module-level function and a list of its arguments' tuples. No more items are with the cluster
        at a time than there are actors.

    Raises:
        TalkeditError: Ray is not installed or cannot be reached, its machines lack what they need, or an item's
            worker died again and again.
    """
    ray = _ray()
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, n_most)
    crew: list[Any] = []
    try:
        n_actors = min(n_most or int(ray.cluster_resources().get("CPU", 1)) or 1, n_items)
        actor = ray.remote(_Worker).options(num_cpus=1, max_restarts=-1, max_task_retries=N_RETRIES)
        settings = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
        crew += [actor.remote(str(Path.cwd()), settings) for _ in range(n_actors)]
        yield lambda function, tasks: _results(ray, crew, function, tasks, in_order)
    finally:
        for each in crew:
            ray.kill(each)
        if is_ours:
            ray.shutdown()


class _Worker:
    """An actor: a process somewhere in the cluster that works as if it stood in our folder."""

    def __init__(self, folder: str, settings: dict[str, str]) -> None:
        self._folder = folder
        os.environ.update(settings)

    def greet(self, function: Callable[..., Any]) -> str:
        """The hash of the code that would run here.

        Raises:
            TalkeditError: The project's folder is not here.
        """
        self._enter()
        return code_hash(inspect.getfile(function))

    def run(self, function: Callable[..., T], *task: Any) -> T:
        """Runs one item."""
        self._enter()
        return function(*task)

    def _enter(self) -> None:
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise TalkeditError(
                f"{self._folder} is not on the Ray worker {platform.node()} ({error.strerror}); "
                "all machines of the cluster need the project's folder under the same path"
            ) from error


def _results(ray: ModuleType, crew: list[Any], function: Callable[..., T], tasks: Tasks, in_order: bool) -> Iterator[T]:
    """Hands each actor an item when it is there and whenever it has done one."""
    todo, code = iter(enumerate(tasks)), code_hash(inspect.getfile(function))
    busy: dict[Any, tuple[Any, int | None]] = {actor.greet.remote(function): (actor, None) for actor in crew}
    early: dict[int, T] = {}
    n_given = 0
    while n_given < len(tasks):
        (done,), _ = ray.wait(list(busy), num_returns=1)
        actor, index = busy.pop(done)
        result = _fetch(ray, done)
        if (following := next(todo, None)) is not None:
            busy[actor.run.remote(function, *following[1])] = actor, following[0]
        if index is None:
            _check_code(result, code)
            continue
        early[index] = result
        while ready := [n_given] if n_given in early else [] if in_order else list(early):
            n_given += 1
            yield early.pop(ready[0])


def _fetch(ray: ModuleType, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # what the item raised, as it would in a process of our own
    except ray.exceptions.RayError as error:
        raise TalkeditError(
            f"a Ray worker could not be started, or died {N_RETRIES + 1} times over one item "
            f"({str(error).strip().splitlines()[0]}); see that all machines of the cluster have talkedit and "
            "memory left, then run it again to go on from what was finished"
        ) from error


def _check_code(found: str, wanted: str) -> None:
    if found != wanted:
        raise TalkeditError(
            "a Ray worker has another version of talkedit than this machine; install the same one on all of them"
        )


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or it warns that this will be the default
    try:
        import ray  # noqa: PLC0415 (an extra; it takes a second to load)
    except ImportError as error:
        raise TalkeditError(
            "TALKEDIT_ENGINE is ray, and Ray is not installed: pip install -e '.[ray]', or set it to local"
        ) from error
    return ray


def _connect(ray: ModuleType, n_most: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            _knock(address)
            ray.init(address, **quiet)
        else:
            os.environ.setdefault("RAY_worker_niceness", "0")  # as processes of our own; Ray's own default is 15
            ray.init(
                "local",
                num_cpus=n_most,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",  # some ports are open all the same: Ray asks for a token there
                **quiet,
            )
    except (ConnectionError, RuntimeError, OSError, ValueError, AssertionError) as error:
        where = f"no Ray cluster answers at {address}" if address else "Ray cannot be started here"
        raise TalkeditError(
            f"{where} ({str(error).strip().splitlines()[0]}); see RAY_ADDRESS, or set TALKEDIT_ENGINE to local"
        ) from error


def _knock(address: str) -> None:
    """Raises an OSError at once where nobody listens: Ray itself asks again for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()

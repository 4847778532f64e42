"""One way to work on many items, whoever does the work."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from talkedit.closure import PACKAGE_ROOT
from talkedit.cores import n_cores
from talkedit.errors import MediaError, ParamsError, TalkeditError
from talkedit.face.extract import AttributesParams, extract_clips
from talkedit.manifest import Manifest
from talkedit.workers import workers

from .errands import die, read, square
from .face.test_extract import VALUES, write_crops


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TALKEDIT_ENGINE", "slurm", r"TALKEDIT_ENGINE is 'slurm': should be local or ray"),
        ("TALKEDIT_WORKERS", "0", r"TALKEDIT_WORKERS is '0': should be a number, 1 or more"),
        ("TALKEDIT_WORKERS", "many", r"TALKEDIT_WORKERS is 'many'"),
    ],
)
def test_nonsense_is_refused(variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ParamsError, match=message), workers(2):
        pass


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKEDIT_ENGINE", "ray")
    monkeypatch.setitem(sys.modules, "ray", None)  # as Python itself marks what cannot be imported
    with pytest.raises(TalkeditError, match=r"Ray is not installed: pip install -e '\.\[ray\]'"), workers(2):
        pass


def test_one_worker_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKEDIT_WORKERS", "1")
    with workers(2) as run_all:
        assert list(run_all(os.getpid, [(), ()])) == [os.getpid()] * 2


def test_what_is_usual_counts_where_nobody_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALKEDIT_WORKERS", raising=False)
    with workers(2, n_usual=1) as run_all:
        assert list(run_all(os.getpid, [(), ()])) == [os.getpid()] * 2
    monkeypatch.setenv("TALKEDIT_WORKERS", "1")
    with workers(2, n_usual=2) as run_all:
        assert list(run_all(os.getpid, [(), ()])) == [os.getpid()] * 2


def test_cores_that_this_process_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALKEDIT_WORKERS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)  # not every system has it
    assert n_cores() == 1
    with workers(2) as run_all:
        assert list(run_all(os.getpid, [(), ()])) == [os.getpid()] * 2


def test_cores_are_counted_in_one_place() -> None:
    counting = [path.name for path in PACKAGE_ROOT.rglob("*.py") if "os.cpu_count" in path.read_text()]
    assert counting == ["cores.py"]


def test_errors_come_out_of_processes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKEDIT_WORKERS", "2")
    with workers(2) as run_all, pytest.raises(MediaError, match=r"^film\.mp4: cannot be read$") as caught:
        list(run_all(read, [("film.mp4",), ("film.mp4",)]))
    assert (caught.value.path, caught.value.problem) == (Path("film.mp4"), "cannot be read")


def test_a_process_that_dies_is_a_sentence(tmp_path: Path) -> None:
    with workers(2, 2) as run_all, pytest.raises(TalkeditError, match=r"a process died.*TALKEDIT_WORKERS to fewer"):
        list(run_all(die, [(str(tmp_path),), (str(tmp_path),)]))


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_where_nobody_listens_is_named_at_once(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[test]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{scheme}127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("TALKEDIT_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(TalkeditError, match=rf"no Ray cluster answers at {address} .*RAY_ADDRESS"), workers(2):
        pass


@pytest.fixture(scope="module")
def cluster() -> Iterator[ModuleType]:
    """A Ray of two cores that the program is connected to already."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[test]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("TALKEDIT_ENGINE", "ray")
        memory = 128 * 2**20
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "object_store_memory": memory}
        ray.init("local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        yield ray
        ray.shutdown()


@pytest.mark.slow
def test_on_ray_results_come_in_order(cluster: ModuleType) -> None:
    with workers(7) as run_all:
        assert list(run_all(square, [(i,) for i in range(7)])) == [0, 1, 4, 9, 16, 25, 36]
    with workers(7, in_order=False) as run_all:
        assert sorted(run_all(square, [(i,) for i in range(7)])) == [0, 1, 4, 9, 16, 25, 36]
    assert cluster.is_initialized(), "who was connected stays connected"


@pytest.mark.slow
def test_on_ray_an_error_is_what_it_would_be_here(cluster: ModuleType) -> None:
    with workers(2) as run_all, pytest.raises(MediaError, match=r"^film\.mp4: cannot be read$"):
        list(run_all(read, [("film.mp4",), ("film.mp4",)]))


@pytest.mark.slow
def test_on_ray_an_item_that_kills_each_worker_ends_the_run(
    cluster: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkedit.cluster.N_RETRIES", 1)  # a new process takes seconds
    with workers(1) as run_all, pytest.raises(TalkeditError, match="died 2 times over one item"):
        list(run_all(die, [(str(tmp_path),)]))
    assert (tmp_path / "deaths").read_text() == "xx"


@pytest.mark.slow
def test_a_ray_worker_that_is_killed_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Ray that is started for the run; the worker has a clip in hand when it is killed."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[test]'")
    crops, params = write_crops(tmp_path / "crops", 6), AttributesParams(**VALUES)
    monkeypatch.setenv("TALKEDIT_WORKERS", "2")
    here = extract_clips(crops, tmp_path / "here", params)
    killed, record = [], Manifest.record

    def record_and_kill(manifest: Manifest, *entry) -> None:
        record(manifest, *entry)
        at_work = [each for each in psutil.Process().children(recursive=True) if _is_at_work(each)]
        if at_work and not killed:
            killed.append(at_work[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(Manifest, "record", record_and_kill)
    monkeypatch.setenv("TALKEDIT_ENGINE", "ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert extract_clips(crops, tmp_path / "ray", params) == here
    assert len(killed) == 1
    assert _bytes(tmp_path / "ray") == _bytes(tmp_path / "here")
    assert len(_bytes(tmp_path / "ray")) == 6 + 2


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return "".join(process.cmdline()).startswith("ray::_Worker.run")
    except psutil.NoSuchProcess:  # it ended since it was listed, perhaps a zombie still
        return False


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}

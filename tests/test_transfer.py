"""A file arrives whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkedit.transfer import Patience, TransferError, fetch_url

from .servers import serve

CONTENT = bytes(range(256)) * 10_000
THIRD = len(CONTENT) // 3 + 1
PATIENT = Patience(timeout_s=2, n_tries=2, pause_s=0.01)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(CONTENT) as address:
        yield address


def test_a_file_arrives(address: str, tmp_path: Path) -> None:
    fetch_url(f"{address}/a.mp4?x=1", tmp_path / "a.mp4", Patience(5))
    assert (tmp_path / "a.mp4").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "http_error"),
        ("/page", "web_page"),
        ("/sneaky-page", "web_page"),
        ("/dropped", "incomplete"),
        ("/empty", "incomplete"),
        ("/silent", "unreachable"),
    ],
)
def test_whatever_goes_wrong_leaves_the_old_file(address: str, tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(TransferError) as caught:
        fetch_url(address + path, tmp_path / "a.mp4", Patience(0.3))
    assert caught.value.reason == reason
    assert address in caught.value.detail
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_nobody_there_and_other_schemes(tmp_path: Path, url: str) -> None:
    with pytest.raises(TransferError) as caught:
        fetch_url(url, tmp_path / "a", Patience(1))
    assert caught.value.reason == "unreachable"


def test_umlauts_and_spaces_of_an_address_are_quoted(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []
    with serve(CONTENT, asked) as address:
        fetch_url(f"{address}/für alle%20.mp4?a=ß&b=1", tmp_path / "a", Patience(5))
    assert asked == [("/f%C3%BCr%20alle%20.mp4?a=%C3%9F&b=1", None)]


@pytest.mark.parametrize("url", ["http://x:port/a", "http://[1/a", f"http://{'a' * 64}.de/", f"http://{'ü' * 64}.de/"])
def test_what_is_no_address_is_said_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(TransferError, match="is no address of the web") as caught:
        fetch_url(url, tmp_path / "a", Patience(5))
    assert not caught.value.is_passing


def test_a_connection_that_drops_again_and_again_is_taken_up_where_it_was(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []
    with serve(CONTENT, asked) as address:
        fetch_url(f"{address}/flaky", tmp_path / "a", PATIENT)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [byte_range for _, byte_range in asked] == [None, f"bytes={THIRD}-", f"bytes={2 * THIRD}-"]


def test_a_later_run_goes_on_with_what_an_earlier_one_left(tmp_path: Path) -> None:
    to, part = tmp_path / "a", tmp_path / "parts" / "a"
    asked: list[tuple[str, str | None]] = []
    with serve(CONTENT, asked) as address:
        with pytest.raises(TransferError, match=f"only {THIRD} of"):
            fetch_url(f"{address}/flaky", to, Patience(2), part)
        assert part.stat().st_size == THIRD
        assert not to.exists()
        fetch_url(f"{address}/flaky", to, PATIENT, part)
    assert to.read_bytes() == CONTENT
    assert [byte_range for _, byte_range in asked] == [None, f"bytes={THIRD}-", f"bytes={2 * THIRD}-"]
    assert list(part.parent.iterdir()) == []


def test_parts_of_two_files_are_never_put_together(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with serve(CONTENT) as address:
        with pytest.raises(TransferError):
            fetch_url(f"{address}/flaky", tmp_path / "a", Patience(2), part)
        fetch_url(f"{address}/other", tmp_path / "a", PATIENT, part)
        assert (tmp_path / "a").read_bytes() == CONTENT
        with pytest.raises(TransferError, match="bytes arrived"):
            fetch_url(f"{address}/changing", tmp_path / "b", PATIENT)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(("path", "n_asked"), [("/busy", 2), ("/redirect", 2), ("/missing", 1), ("/dropped", 2)])
def test_what_may_pass_is_tried_again_and_nothing_else(tmp_path: Path, path: str, n_asked: int) -> None:
    asked: list[tuple[str, str | None]] = []
    with serve(CONTENT, asked) as address:
        if path in ("/missing", "/dropped"):
            with pytest.raises(TransferError):
                fetch_url(address + path, tmp_path / "a", PATIENT)
        else:
            fetch_url(address + path, tmp_path / "a", PATIENT)
            assert (tmp_path / "a").read_bytes() == CONTENT
    assert len(asked) == n_asked


def test_the_proxy_of_the_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []
    with serve(CONTENT, asked) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        fetch_url("http://weights.invalid/a.bin", tmp_path / "a", PATIENT)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert asked == [("http://weights.invalid/a.bin", None)]

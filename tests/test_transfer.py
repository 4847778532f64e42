"""A file arrives whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkedit.transfer import TransferError, fetch_url

from .servers import serve

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve(CONTENT) as address:
        yield address


def test_a_file_arrives(address: str, tmp_path: Path) -> None:
    fetch_url(f"{address}/a.mp4?x=1", tmp_path / "a.mp4", timeout_s=5)
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
        fetch_url(address + path, tmp_path / "a.mp4", timeout_s=0.3)
    assert caught.value.reason == reason
    assert address in caught.value.detail
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_nobody_there_and_other_schemes(tmp_path: Path, url: str) -> None:
    with pytest.raises(TransferError) as caught:
        fetch_url(url, tmp_path / "a", timeout_s=1)
    assert caught.value.reason == "unreachable"

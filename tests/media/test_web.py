"""Videos on web pages and in object stores, by yt-dlp and fsspec themselves, from a server on this machine."""

import sys
from pathlib import Path

import fsspec
import pytest

from talkedit.errors import TalkeditError
from talkedit.media.download import download
from talkedit.media.store import fetch_object
from talkedit.media.web import WebManners, fetch_video, list_videos
from talkedit.tables import read_rows
from talkedit.transfer import Patience, TransferError

from ..servers import serve
from .films import make_film
from .test_download import LENIENT

MANNERS = WebManners(max_side_px=1080, rate_bytes_s=None, pause_s=0)
PATIENCE = Patience(timeout_s=2, n_tries=2, pause_s=0.01)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("served") / "film.mp4").read_bytes()


def test_a_video_of_the_web_is_fetched_once_and_what_is_none_is_a_row(film: bytes, tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []
    with serve(film, asked) as address:
        (tmp_path / "sources.yaml").write_text(
            f"anna:\n- {{id: a, web: '{address}/film.mp4', end: 1.5}}\n- {{id: b, web: '{address}/page'}}\n"
            f"- {{id: c, web: '{address}/missing'}}\n- {{id: d, playlist: '{address}/page'}}\n"
        )
        rows = download(tmp_path / "sources.yaml", "anna", tmp_path / "raw", LENIENT)
        assert [row["reason"] for row in rows] == [None, "no_video", "unavailable", "no_video"]
        assert (tmp_path / "raw" / "a.mp4").read_bytes() == film
        assert (rows[0]["end_s"], rows[0]["duration_s"]) == ("3/2", "2")
        n_asked = sum(path == "/film.mp4" for path, _ in asked)
        assert download(tmp_path / "sources.yaml", "anna", tmp_path / "raw", LENIENT) == rows
        assert sum(path == "/film.mp4" for path, _ in asked) == n_asked
    assert read_rows(tmp_path / "raw" / "sources.parquet") == rows
    assert not (tmp_path / ".fetching").exists()


def test_errors_name_the_page_and_no_colours(tmp_path: Path) -> None:
    with serve(b"") as address, pytest.raises(TransferError) as caught:
        fetch_video(f"{address}/missing", tmp_path / "parts", MANNERS, PATIENCE)
    assert caught.value.detail.startswith(f"{address}/missing: ")
    assert "404" in caught.value.detail
    assert "\x1b" not in caught.value.detail
    with pytest.raises(TransferError, match=r"/page: Unsupported URL"), serve(b"") as address:
        list_videos(f"{address}/page", "1-3")


def test_without_yt_dlp_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    (tmp_path / "sources.yaml").write_text("anna: [{id: a, web: 'http://127.0.0.1:9/x'}]")
    with pytest.raises(TalkeditError, match="not installed: pip install yt-dlp"):
        download(tmp_path / "sources.yaml", "anna", tmp_path / "raw", LENIENT)
    assert not (tmp_path / "raw").exists()


def test_an_object_is_copied_and_gone_on_with(film: bytes, tmp_path: Path) -> None:
    store, part = fsspec.filesystem("memory"), tmp_path / "part"
    store.pipe("/bucket/film.mp4", film)
    url = "memory://bucket/film.mp4"
    (tmp_path / "sources.yaml").write_text(f"anna: [{{id: a, object: '{url}'}}, {{id: b, object: 'memory://no.mp4'}}]")
    rows = download(tmp_path / "sources.yaml", "anna", tmp_path / "raw", LENIENT)
    assert [row["reason"] for row in rows] == [None, "no_such_file"]
    assert (tmp_path / "raw" / "a.mp4").read_bytes() == film

    part.write_bytes(film[:1000])
    Path(f"{part}.json").write_text(f'{{"origin": "{url}", "version": "{store.ukey("/bucket/film.mp4")}"}}')
    store.cat_ranges = None  # what has arrived is not asked for again
    fetch_object(url, tmp_path / "whole.mp4", PATIENCE, part)
    assert (tmp_path / "whole.mp4").read_bytes() == film

    part.write_bytes(b"another film")
    Path(f"{part}.json").write_text(f'{{"origin": "{url}", "version": "old"}}')
    fetch_object(url, tmp_path / "again.mp4", PATIENCE, part)
    assert (tmp_path / "again.mp4").read_bytes() == film
    store.rm("/bucket", recursive=True)


def test_a_store_that_nobody_here_can_read_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(TalkeditError, match="pip install s3fs"):
        fetch_object("s3://bucket/film.mp4", tmp_path / "a", PATIENCE, tmp_path / "part")

"""Videos on web pages and in object stores, by yt-dlp and fsspec themselves, from a server on this machine."""

import json
import sys
import time
from pathlib import Path

import fsspec
import pytest
from s3fs import S3FileSystem

from talkedit.errors import TalkeditError
from talkedit.media.download import download
from talkedit.media.store import fetch_object, read_object
from talkedit.media.web import WebManners, fetch_video, list_videos
from talkedit.tables import read_rows
from talkedit.transfer import Patience, TransferError

from ..servers import serve, serve_folder
from ..stores import s3_store
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


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>A podcast</title>
<item><title>Number one</title><enclosure url="{0}/a.mp4" type="video/mp4"/></item>
<item><title>Number two</title><enclosure url="{0}/b.mp4" type="video/mp4"/></item>
<item><title>Number three</title><enclosure url="{0}/a.mp4" type="video/mp4"/></item></channel></rss>"""
PAGE_OF_TWO = "<html><body><video src='a.mp4'></video><video src='b.mp4'></video></body></html>"
IN_TWO_SIZES = """<html><body><video><source src="large.mp4" type="video/mp4" res="1080" label="1080p">
<source src="small.mp4" type="video/mp4" res="360" label="360p"></video></body></html>"""


def test_lists_name_their_videos(tmp_path: Path) -> None:
    """A podcast's feed has no ids; a page with several videos has."""
    with serve_folder(tmp_path) as address:
        (tmp_path / "feed.xml").write_text(FEED.format(address))
        (tmp_path / "page.html").write_text(PAGE_OF_TWO)
        feed, page = list_videos(f"{address}/feed.xml", None), list_videos(f"{address}/page.html", None)
        assert [(video.id, video.url) for video in feed] == [
            ("Number one", f"{address}/a.mp4"),
            ("Number two", f"{address}/b.mp4"),
            ("Number three", f"{address}/a.mp4"),
        ]
        assert [video.url for video in page] == [f"{address}/a.mp4", f"{address}/b.mp4"]
        assert [video.id for video in list_videos(f"{address}/feed.xml", "2-3")] == ["Number two", "Number three"]


def test_a_corrected_address_does_not_give_what_was_left_of_the_other(film: bytes, tmp_path: Path) -> None:
    """The first run was killed when its video was there, before it got its name."""
    served, sources = tmp_path / "served", tmp_path / "sources.yaml"
    served.mkdir()
    (served / "right.mp4").write_bytes(film)
    make_film(served / "wrong.mp4", stamps=list(range(75)))
    with serve_folder(served) as address, pytest.MonkeyPatch.context() as patch:
        sources.write_text(f"anna: [{{id: a, web: '{address}/wrong.mp4'}}]")
        patch.setattr("talkedit.media.fetch.fetch_video", lambda *asked: sys.exit(str(fetch_video(*asked))))
        with pytest.raises(SystemExit):
            download(sources, "anna", tmp_path / "raw", LENIENT)
        patch.undo()
        sources.write_text(f"anna: [{{id: a, web: '{address}/right.mp4'}}]")
        assert download(sources, "anna", tmp_path / "raw", LENIENT)[0]["duration_s"] == "2"
    assert not (tmp_path / ".fetching").exists()


def test_nothing_is_fetched_of_a_page_with_several_videos(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "page.html").write_text(PAGE_OF_TWO)
    make_film(served / "a.mp4")
    make_film(served / "b.mp4")
    with serve_folder(served) as address, pytest.raises(TransferError, match="name a list under playlist"):
        fetch_video(f"{address}/page.html", tmp_path / "part", MANNERS, PATIENCE)
    assert not list((tmp_path / "part").iterdir())


def test_a_list_is_fetched_video_by_video_and_remembered(tmp_path: Path) -> None:
    """The second time the list is gone, and what it held is known; its second video was never there."""
    served = tmp_path / "served"
    served.mkdir()
    make_film(served / "a.mp4")
    with serve_folder(served) as address:
        (served / "feed.xml").write_text(FEED.format(address))
        sources = tmp_path / "sources.yaml"
        sources.write_text(f"anna: [{{id: talks, playlist: '{address}/feed.xml', items: '1-2'}}]")
        rows = download(sources, "anna", tmp_path / "raw", LENIENT)
        assert [(row["id"], row["reason"]) for row in rows] == [
            ("talks-Number-one", None),
            ("talks-Number-two", "unavailable"),
        ]
        (served / "feed.xml").unlink()
        (served / "a.mp4").unlink()
        assert download(sources, "anna", tmp_path / "raw", LENIENT) == rows
    assert (tmp_path / "raw" / "talks-Number-one.mp4").is_file()


@pytest.mark.parametrize(("max_side_px", "taken"), [(1080, "large"), (720, "small"), (360, "small"), (144, "small")])
def test_the_largest_picture_within_the_limit_is_taken(max_side_px: int, taken: str, tmp_path: Path) -> None:
    """1080 and 360 px are on offer; if both have more than the limit, it is the smaller one."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "page.html").write_text(IN_TWO_SIZES)
    (served / "large.mp4").write_bytes(b"large")
    (served / "small.mp4").write_bytes(b"small")
    with serve_folder(served) as address:
        fetched = fetch_video(f"{address}/page.html", tmp_path / "part", WebManners(max_side_px, None, 0), PATIENCE)
    assert fetched.read_text() == taken


def test_no_more_bytes_a_second_are_asked_for_than_allowed(tmp_path: Path) -> None:
    """200 kB at 200 kB/s take a second, or nearly: what comes before the first look at the clock is not waited for."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "film.mp4").write_bytes(bytes(200_000))
    with serve_folder(served) as address:
        began_s = time.monotonic()
        fetch_video(f"{address}/film.mp4", tmp_path / "slow", WebManners(1080, 200_000, 0), PATIENCE)
        slow_s = time.monotonic() - began_s
    assert slow_s > 0.7


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
    """A kind that no other test reads: one that was read once is known to the process."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(TalkeditError, match="pip install s3fs, gcsfs"):
        fetch_object("gs://bucket/film.mp4", tmp_path / "a", PATIENCE, tmp_path / "part")


def test_a_kind_of_store_that_there_is_not_is_said() -> None:
    with pytest.raises(TalkeditError, match=r"s4://x: is in no kind of store .* check its spelling"):
        read_object("s4://x")


def test_an_object_of_an_s3_store_is_copied_and_gone_on_with(film: bytes, tmp_path: Path) -> None:
    with s3_store() as bucket:
        store, url, part = fsspec.filesystem("s3"), f"{bucket}/films/film.mp4", tmp_path / "part"
        store.pipe_file(url, film)
        sources = tmp_path / "sources.yaml"
        sources.write_text(f"anna: [{{id: a, object: '{url}'}}, {{id: b, object: '{bucket}/no.mp4'}}]")
        rows = download(sources, "anna", tmp_path / "raw", LENIENT)
        assert [row["reason"] for row in rows] == [None, "no_such_file"]
        assert (tmp_path / "raw" / "a.mp4").read_bytes() == film

        part.write_bytes(b"X" * 1000)  # as if it had come; its version says so, and it is not asked for again
        Path(f"{part}.json").write_text(json.dumps({"origin": url, "version": store.ukey(url)}))
        fetch_object(url, tmp_path / "whole.mp4", PATIENCE, part)
        assert (tmp_path / "whole.mp4").read_bytes() == b"X" * 1000 + film[1000:]


def test_a_store_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TransferError, match=r"s3://bucket/film\.mp4: cannot be reached"):
        fetch_object("s3://bucket/film.mp4", tmp_path / "a", PATIENCE, tmp_path / "part")

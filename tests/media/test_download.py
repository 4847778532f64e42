"""Every source becomes a row: kept, or rejected with a word to count by."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

import pytest

from talkedit.errors import ParamsError, TalkeditError
from talkedit.media.download import DownloadParams, download, download_metrics
from talkedit.tables import read_rows

from ..films import remake
from ..servers import serve
from .films import make_film

LENIENT = DownloadParams(
    timeout_s=2.0,
    n_tries=2,
    retry_pause_s=0.01,
    max_failed_share=0.99,
    web_max_side_px=1080,
    web_rate_mb_s=0.0,
    web_pause_s=0.0,
)


@pytest.fixture
def listed(tmp_path: Path):
    """Writes sources.yaml with these sources of "anna" beside a folder with the film clip.mp4."""
    (tmp_path / "films").mkdir()
    make_film(tmp_path / "films" / "clip.mp4")

    def write(sources: str) -> Path:
        path = tmp_path / "sources.yaml"
        path.write_text("anna:\n" + indent(dedent(sources).strip(), "  ") + "\n")
        return path

    return write


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    film = make_film(tmp_path_factory.mktemp("served") / "film.mkv", stamps=list(range(0, 150, 3)))
    with serve(film.read_bytes()) as address:
        yield address


def test_a_local_film_is_copied_and_described(listed, tmp_path: Path) -> None:
    sources = listed("- {id: one, path: films/clip.mp4, licence: mine}")
    rows = download(sources, "anna", tmp_path / "raw", LENIENT)
    assert read_rows(tmp_path / "raw" / "sources.parquet") == rows
    row = rows[0]
    film = (tmp_path / "films" / "clip.mp4").read_bytes()
    assert (tmp_path / "raw" / "one.mp4").read_bytes() == film
    assert (row["id"], row["file"], row["status"], row["licence"]) == ("one", "one.mp4", "kept", "mine")
    assert (row["duration_s"], row["average_fps"], row["width_px"], row["has_audio"]) == ("2", "25", 96, False)
    assert row["sha256"] == hashlib.sha256(film).hexdigest()
    assert download_metrics(rows) == {"n_sources": 1, "n_kept": 1, "n_rejected": 0, "duration_s": 2.0}


def test_reasons_of_all_that_can_go_wrong(listed, tmp_path: Path, address: str) -> None:
    (tmp_path / "films" / "text.mp4").write_text("no video\n" * 99)
    sources = listed(f"""
        - {{id: good, url: {address}/film.mkv, end: 1}}
        - {{id: page, url: {address}/page}}
        - {{id: missing, url: {address}/missing}}
        - {{id: dropped, url: {address}/dropped}}
        - {{id: short, url: {address}/short}}
        - {{id: moved, url: {address}/redirect, start: 1, end: 2}}
        - {{id: flaky, url: {address}/flaky, start: 0.5}}
        - {{id: after, url: {address}/film.mkv, start: 60}}
        - {{id: nobody, url: "http://127.0.0.1:9/a.mp4"}}
        - {{id: gone, path: films/gone.mp4}}
        - {{id: text, path: films/text.mp4}}
        - {{id: other, path: films/clip.mp4, sha256: "{"0" * 64}"}}
        """)
    rows = download(sources, "anna", tmp_path / "raw", LENIENT)
    assert {row["id"]: row["reason"] for row in rows} == {
        "good": None,
        "page": "web_page",
        "missing": "http_error",
        "dropped": "incomplete",
        "short": "incomplete",
        "moved": None,
        "flaky": "duplicate",
        "after": "no_such_part",
        "nobody": "unreachable",
        "gone": "no_such_file",
        "text": "not_a_video",
        "other": "wrong_hash",
    }
    assert next(row for row in rows if row["id"] == "flaky")["detail"].startswith(
        "flaky.video: is the same footage as good"
    )
    assert all(row["detail"] for row in rows if row["reason"])
    left = {path.name for path in (tmp_path / "raw").iterdir()}
    assert left == {"good.mkv", "after.mkv", "moved.video", "flaky.video", "sources.parquet", "manifest.json"}


def test_too_many_failures_are_an_error_with_counts(listed, tmp_path: Path, address: str) -> None:
    sources = listed(f"""
        - {{id: a, url: {address}/missing}}
        - {{id: b, url: {address}/missing}}
        - {{id: c, path: films/none.mp4}}
        - {{id: d, path: films/clip.mp4}}
        """)
    with pytest.raises(TalkeditError, match=r"3 of 4 .*2 http_error, 1 no_such_file.*max_failed_share"):
        download(sources, "anna", tmp_path / "raw", LENIENT.model_copy(update={"max_failed_share": 0.5}))
    assert (tmp_path / "raw" / "d.mp4").exists()


def test_what_is_there_is_not_fetched_again_and_what_is_not_wanted_goes(listed, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    film = (tmp_path / "films" / "clip.mp4").read_bytes()
    with serve(film) as address:
        sources = listed(f"""
            - {{id: web, url: {address}/film.mp4}}
            - {{id: own, path: films/clip.mp4}}
            """)
        first = download(sources, "anna", raw, LENIENT)
        before = {path.name: path.read_bytes() for path in raw.iterdir()}
    assert download(sources, "anna", raw, LENIENT) == first  # the server is gone
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before

    make_film(tmp_path / "films" / "clip.mp4", stamps=list(range(75)))
    rows = download(sources, "anna", raw, LENIENT)
    assert [row["duration_s"] for row in rows] == ["2", "3"]

    download(listed("- {id: own, path: films/clip.mp4}"), "anna", raw, LENIENT)
    assert {path.name for path in raw.iterdir()} == {"own.mp4", "sources.parquet", "manifest.json"}


@pytest.mark.parametrize("path", ["raw/own.mp4", "raw", "raw/*.mp4", "link.mp4", "."])
def test_footage_in_the_folder_of_copies_is_refused_and_stays(listed, tmp_path: Path, path: str) -> None:
    own = tmp_path / "raw" / "own.mp4"
    own.parent.mkdir()
    own.write_bytes((tmp_path / "films" / "clip.mp4").read_bytes())
    (tmp_path / "link.mp4").symlink_to(own)
    with pytest.raises(ParamsError, match=r"source a.*: path .* move the footage to a folder of its own"):
        download(listed(f"- {{id: a, path: '{path}'}}"), "anna", tmp_path / "raw", LENIENT)
    assert own.is_file()


def test_what_was_fetched_stays_while_its_source_is_away(listed, tmp_path: Path) -> None:
    """The disk is unplugged and the server down; a hash that is named later is first that of the file that is here."""
    raw, film = tmp_path / "raw", (tmp_path / "films" / "clip.mp4").read_bytes()
    folder = "- {id: folder, path: films, end: 1}"
    with serve(film) as address:
        download(listed(f"{folder}\n- {{id: web, url: {address}/film.mp4, start: 1}}"), "anna", raw, LENIENT)
    before = {path.name: path.read_bytes() for path in raw.glob("*.mp4")}
    assert sorted(before) == ["folder-clip.mp4", "web.mp4"]
    (tmp_path / "films").rename(tmp_path / "unplugged")
    (tmp_path / "films").mkdir()
    for pin, reason in ((hashlib.sha256(film).hexdigest(), None), ("0" * 64, "unreachable")):
        web = f"- {{id: web, url: {address}/film.mp4, start: 1, sha256: '{pin}'}}"
        (tmp_path / "sources.yaml").write_text(f"anna:\n{folder}\n{web}")
        with pytest.raises(TalkeditError, match="cannot be used"):
            download(tmp_path / "sources.yaml", "anna", raw, LENIENT.model_copy(update={"max_failed_share": 0}))
        assert [row["reason"] for row in read_rows(raw / "sources.parquet")] == ["no_such_file", reason]
        assert {path.name: path.read_bytes() for path in raw.glob("*.mp4")} == before


def test_a_file_name_that_is_no_text_is_a_name(listed, tmp_path: Path) -> None:
    """In Latin-1, as on old disks."""
    os.rename(tmp_path / "films" / "clip.mp4", os.fsencode(tmp_path) + b"/films/\xfc.mp4")
    rows = download(listed("- {id: a, path: films}"), "anna", tmp_path / "raw", LENIENT)
    assert [(row["origin"], row["status"]) for row in rows] == [("films/\\xfc.mp4", "kept")]


def test_a_file_that_may_not_be_read_is_a_row(listed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "films" / "none").mkdir()
    sources = listed("- {id: a, path: films/clip.mp4}\n- {id: b, path: films/none}")
    monkeypatch.setattr("talkedit.media.fetch.file_sha256", refuse)
    with pytest.raises(TalkeditError, match=r"2 of 2 .*clip\.mp4: cannot be read \(Permission denied\)"):
        download(sources, "anna", tmp_path / "raw", LENIENT)


def test_a_damaged_copy_is_fetched_again(listed, tmp_path: Path) -> None:
    sources = listed("- {id: own, path: films/clip.mp4}")
    download(sources, "anna", tmp_path / "raw", LENIENT)
    (tmp_path / "raw" / "own.mp4").write_bytes(b"broken")
    assert download(sources, "anna", tmp_path / "raw", LENIENT)[0]["status"] == "kept"


def test_an_origins_name_cannot_take_a_name_of_ours(listed, tmp_path: Path) -> None:
    (tmp_path / "films" / "x.json").write_bytes((tmp_path / "films" / "clip.mp4").read_bytes())
    rows = download(listed("- {id: manifest, path: films/x.json}"), "anna", tmp_path / "raw", LENIENT)
    assert rows[0]["file"] == "manifest.video"
    assert rows[0]["status"] == "kept"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("- {id: a}", r"anna\.0: .*exactly one of path, url, web"),
        ("- {id: a, path: x, url: 'http://x'}", r"anna\.0: .*exactly one of path, url, web"),
        ("- {id: a, package: x==1, member: y}", "belong together"),
        ("- {id: a, package: '--evil', member: y, sha256: x}", r"anna\.0\.package"),
        ("- {id: a, url: 'file:///etc/passwd'}", r"anna\.0\.url"),
        ("- {id: a, url: 'http://[1/a.mp4'}", r"anna\.0: .*Invalid IPv6 URL"),
        ("- {id: ../a, path: x}", r"anna\.0\.id"),
        ("- {id: a, path: x, lisence: mine}", r"anna\.0\.lisence"),
        ("- {id: a, path: 7}", r"anna\.0\.path"),
        ("- {id: a, path: x}\n- {id: A, path: y}", "more than once"),
        ("[]", "anna"),
        ("- {id: a, path: x, start: 5, end: 4}", "end must be after start"),
        ("- {id: a, path: x, start: soon}", "soon is no time"),
        ("- {id: a, path: x, start: '1:75'}", "seconds after minutes"),
        ("- {id: a, object: 'file:///etc/passwd'}", r"anna\.0\.object"),
        ("- {id: a, web: 'http://x', items: '1-3'}", "items belongs to playlist"),
        ("- {id: a, path: [}", "not valid YAML"),
    ],
)
def test_what_is_wrong_in_sources_yaml_has_its_name(listed, tmp_path: Path, source: str, problem: str) -> None:
    with pytest.raises(ParamsError, match=problem):
        download(listed(source), "anna", tmp_path / "raw", LENIENT)
    assert not (tmp_path / "raw").exists()


def test_an_unknown_person_is_told_the_known_ones(listed, tmp_path: Path) -> None:
    sources = listed("- {id: a, path: films/clip.mp4}")
    with pytest.raises(ParamsError, match="no person 'bob'; it has anna"):
        download(sources, "bob", tmp_path / "raw", LENIENT)
    with pytest.raises(ParamsError, match="cannot be read"):
        download(tmp_path / "none.yaml", "bob", tmp_path / "raw", LENIENT)


def test_what_arrived_of_a_source_is_gone_on_with_by_the_next_run(listed, tmp_path: Path) -> None:
    film = (tmp_path / "films" / "clip.mp4").read_bytes()
    third = len(film) // 3 + 1
    asked: list[tuple[str, str | None]] = []
    with serve(film, asked) as address:
        sources = listed(f"- {{id: web, url: {address}/flaky}}\n- {{id: own, path: films/clip.mp4}}")
        rows = download(sources, "anna", tmp_path / "raw", LENIENT.model_copy(update={"n_tries": 1}))
        assert rows[0]["reason"] == "incomplete"
        assert (tmp_path / ".fetching" / "web").stat().st_size == third
        assert {path.name for path in (tmp_path / "raw").iterdir()} == {"own.mp4", "sources.parquet", "manifest.json"}
        rows = download(sources, "anna", tmp_path / "raw", LENIENT)
    assert (rows[0]["status"], rows[0]["sha256"]) == ("kept", rows[1]["sha256"])
    assert [byte_range for _, byte_range in asked] == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert not (tmp_path / ".fetching").exists()


def test_pixels_that_are_not_square_are_refused_with_what_makes_them_so(listed, tmp_path: Path) -> None:
    film = remake(tmp_path / "films" / "clip.mp4", tmp_path / "films" / "dv.mp4", "-vf", "setsar=4/3")
    sources = listed("- {id: dv, path: films/dv.mp4}\n- {id: own, path: films/clip.mp4}")
    dv, own = download(sources, "anna", tmp_path / "raw", LENIENT)
    assert (dv["reason"], own["reason"]) == ("oblong_pixels", None)
    assert dv["detail"].startswith("dv.mp4: its pixels are 1.33 times as wide as high; make them square: ffmpeg")
    remake(film, tmp_path / "films" / "square.mp4", "-vf", "scale=trunc(iw*sar/2)*2:ih,setsar=1")
    (square,) = download(listed("- {id: square, path: films/square.mp4}"), "anna", tmp_path / "raw", LENIENT)
    assert square["reason"] is None


@pytest.mark.parametrize("stage", ["clips", "crops", "attributes", "curated", "shards"])
def test_footage_in_the_folders_of_later_stages_is_refused(listed, tmp_path: Path, stage: str) -> None:
    (tmp_path / "anna" / stage).mkdir(parents=True)
    shutil.copy(tmp_path / "films" / "clip.mp4", tmp_path / "anna" / stage / "mine.mp4")
    with pytest.raises(ParamsError, match=rf"source a: path anna/{stage}/mine\.mp4 lies in a folder of the stages"):
        download(listed(f"- {{id: a, path: anna/{stage}/mine.mp4}}"), "anna", tmp_path / "anna" / "raw", LENIENT)

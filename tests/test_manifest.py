"""What is kept is used again only if its key and every one of its files are as they were."""

import json
import os
from pathlib import Path

import pytest

from talkedit.errors import TalkeditError
from talkedit.manifest import FILE_NAME, Manifest, content_key, file_sha256, write_atomically

ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = Manifest(tmp_path / "out")
    (tmp_path / "out" / "a.bin").write_bytes(b"abc")
    manifest.record("a", "key", ["a.bin"], {"n": 1})
    manifest.prune({"a"})
    return tmp_path / "out"


def test_hashes() -> None:
    assert content_key(a=1, b=[2]) == content_key(b=[2], a=1)
    assert content_key(a=1) != content_key(a="1")


def test_file_hash(folder: Path) -> None:
    assert file_sha256(folder / "a.bin") == ABC_SHA256


def test_an_unchanged_item_is_used_again_by_the_next_run(folder: Path) -> None:
    assert Manifest(folder).reuse("a", "key") == {"n": 1}


@pytest.mark.parametrize("change", ["other key", "other item", "changed file", "missing file", "damaged manifest"])
def test_anything_else_is_not(folder: Path, change: str) -> None:
    if change == "changed file":
        (folder / "a.bin").write_bytes(b"abd")
    elif change == "missing file":
        (folder / "a.bin").unlink()
    elif change == "damaged manifest":
        text = (folder / FILE_NAME).read_text()
        (folder / FILE_NAME).write_text(text[: len(text) // 2])
    item = "b" if change == "other item" else "a"
    key = "other" if change == "other key" else "key"
    assert Manifest(folder).reuse(item, key) is None


@pytest.mark.parametrize(
    "content", ["[]", "7", '{"a": 1}', '{"a": {"key": "key"}}', '{"a": {"key": "key", "files": []}}']
)
def test_a_manifest_of_another_shape_is_worth_nothing(folder: Path, content: str) -> None:
    (folder / FILE_NAME).write_text(content)
    assert Manifest(folder).reuse("a", "key") is None


def test_a_record_is_kept_at_once_and_writes_no_other_again(folder: Path) -> None:
    """A killed run left half a line: that of its item alone, not the next run's first."""
    before = (folder / FILE_NAME).read_bytes()
    Manifest(folder).record("b", "key", [], {"n": 2})
    with open(folder / "manifest.jsonl", "ab") as file:
        file.write(b'\n{"c": {"key": "ke')
    Manifest(folder).record("d", "key", [], {"n": 4})
    assert (folder / FILE_NAME).read_bytes() == before
    assert Manifest(folder).items() == {"a", "b", "d"}
    assert Manifest(folder).prune({"a", "b"}) == []
    assert Manifest(folder).items() == {"a", "b"}


def test_pruning_removes_what_no_wanted_item_owns(folder: Path) -> None:
    manifest = Manifest(folder)
    for name in ("b.bin", "table.parquet", "stranger"):
        (folder / name).write_bytes(b"")
    manifest.record("b", "key", ["b.bin"], {})
    assert manifest.prune({"a"}, also_keep=frozenset({"table.parquet"})) == ["b.bin", "stranger"]
    assert {path.name for path in folder.iterdir()} == {"a.bin", "table.parquet", FILE_NAME}
    assert Manifest(folder).reuse("b", "key") is None
    assert Manifest(folder).reuse("a", "key") == {"n": 1}


def test_the_manifest_is_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    for name, items in (("x", "ab"), ("y", "ba")):
        manifest = Manifest(tmp_path / name)
        for item in items:
            manifest.record(item, "key", [], {"item": item})
        manifest.prune(set(items))
    assert (tmp_path / "x" / FILE_NAME).read_bytes() == (tmp_path / "y" / FILE_NAME).read_bytes()
    assert list(json.loads((tmp_path / "x" / FILE_NAME).read_text())) == ["a", "b"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")
    with pytest.raises(TalkeditError, match="cannot be written"):
        write_atomically(tmp_path / "none" / "a", b"new")
    if os.path.exists("/dev/full"):
        (tmp_path / ".a.part").symlink_to("/dev/full")
        with pytest.raises(TalkeditError, match="No space left"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_folder_with_files_that_no_stage_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "wedding.jpg").write_text("theirs")
    with pytest.raises(TalkeditError, match=r"holds wedding\.jpg, which no stage made; name an empty folder"):
        Manifest(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["wedding.jpg"]


def test_what_a_run_left_that_was_killed_before_it_recorded_anything_is_the_stages(tmp_path: Path) -> None:
    Manifest(tmp_path / "out")
    (tmp_path / "out" / "a.mp4").write_text("half way")
    assert Manifest(tmp_path / "out").prune(set()) == ["a.mp4"]

"""Shards go to an S3 store and are read from there clip by clip, from moto's server on this machine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from s3fs import S3FileSystem
from typer.testing import CliRunner

from talkedit.cli import app
from talkedit.errors import TalkeditError
from talkedit.media.store import put_object, read_object
from talkedit.shards import remote
from talkedit.shards.index import index_split, read_preparation, read_sample, read_samples
from talkedit.shards.loader import Loader
from talkedit.shards.remote import LIST, fetch_shards, open_shards, push_shards
from talkedit.shards.windows import to_batch
from talkedit.transfer import Patience, TransferError

from .. import tiny
from ..stores import s3_store

PREPARATION, TRAIN, VALIDATION = FILES = ["preparation.json", "train-000000.tar", "validation-000000.tar"]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_store() as address:
        yield address


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pushed(bucket: str, tiny_shards: Path, request: pytest.FixtureRequest) -> str:
    address = f"{bucket}/{request.node.name}"
    assert push_shards(tiny_shards, address) == FILES
    return address


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Name and first byte of all that is read from the store from now on."""
    reads: list[tuple[str, int | None]] = []

    def read(url: str, start: int | None = None, stop: int | None = None) -> bytes:
        reads.append((url.rsplit("/", 1)[1], start))
        return read_object(url, start, stop)

    monkeypatch.setattr(remote, "read_object", read)
    return reads


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "shards" / "clips").glob("*"))


def test_a_folder_is_itself(tiny_shards: Path, cache: Path) -> None:
    assert open_shards(str(tiny_shards)) == fetch_shards(str(tiny_shards)) == tiny_shards
    assert not cache.exists()


def test_training_from_the_store_sees_what_it_sees_from_the_folder(pushed: str, tiny_shards: Path) -> None:
    batches = []
    for folder in (tiny_shards, open_shards(pushed)):
        with Loader(folder, "train", 24, 5, 2, seed=0) as loader:
            batches.append(to_batch(loader.windows(3)))
    assert np.array_equal(batches[0].target, batches[1].target)
    assert np.array_equal(batches[0].mel, batches[1].mel)


def test_a_clip_is_read_when_it_is_asked_for_and_only_once(
    pushed: str, tiny_shards: Path, cache: Path, asked: list[tuple[str, int | None]]
) -> None:
    folder = open_shards(pushed)
    assert read_preparation(folder) == read_preparation(tiny_shards)
    one, two = index_split(folder, "train")
    assert (two.clip_id, two.n_frames) == ("two", 20)
    assert asked == [(LIST, None), (PREPARATION, None)]
    here = read_sample(index_split(tiny_shards, "train")[1])
    assert read_sample(two).crops_mp4 == read_sample(two).crops_mp4 == here.crops_mp4
    assert asked[2:] == [(TRAIN, two.place.start)]
    assert len(kept(cache)) == 1
    assert [sample.clip_id for sample in read_samples(folder, "validation")] == ["three"]
    assert read_sample(one).clip_id == "one"
    assert asked[3:] == [(VALIDATION, 0), (TRAIN, 0)]


def test_a_cache_that_cannot_be_written_is_said(pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(TalkeditError, match=r"cannot be made \(Not a directory\); .*TALKEDIT_CACHE"):
        open_shards(pushed)


def test_what_was_damaged_in_the_cache_is_read_again(pushed: str, cache: Path) -> None:
    folder = open_shards(pushed)
    assert [sample.clip_id for sample in read_samples(folder, "validation")] == ["three"]
    kept(cache)[0].write_bytes(b"damaged since")
    assert [sample.clip_id for sample in read_samples(folder, "validation")] == ["three"]
    assert len(kept(cache)[0].read_bytes()) > 1000


def test_only_what_changed_is_sent_and_read_again(
    pushed: str, tiny_shards: Path, tmp_path: Path, asked: list[tuple[str, int | None]]
) -> None:
    assert push_shards(tiny_shards, f"{pushed}/") == []
    first = fetch_shards(pushed)
    other = tiny.write_shards(tmp_path / "other", tiny.corpus()[1:])
    assert push_shards(other, pushed) == [TRAIN]
    asked.clear()
    again = fetch_shards(pushed)
    assert again != first
    assert asked == [(LIST, None), (PREPARATION, None)]  # both clips were there already, one in another shard
    assert [sample.clip_id for sample in read_samples(again, "train")] == ["two"]


def test_the_shards_of_other_clips_are_not_overwritten(pushed: str, tmp_path: Path) -> None:
    others = [replace(sample, clip_id=f"other-{sample.clip_id}") for sample in tiny.corpus()]
    with pytest.raises(TalkeditError, match=r"holds the shards of other clips \(one\); push to another address"):
        push_shards(tiny.write_shards(tmp_path / "others", others), pushed)
    assert [sample.clip_id for sample in read_samples(fetch_shards(pushed), "train")] == ["one", "two"]


def test_a_push_that_was_stopped_is_made_good_by_the_next(
    tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had overwritten one shard of two; what is there until then cannot be trained from."""
    address = f"memory://{tmp_path.name}"
    push_shards(tiny_shards, address)
    other = tiny.write_shards(tmp_path / "other", tiny.corpus()[1:2] + tiny.corpus()[:1] + tiny.corpus()[2:])

    def put(content: Path | bytes, url: str) -> None:
        put_object(content, url)
        if url.endswith(TRAIN):
            raise TransferError("unreachable", "the line is down")

    with monkeypatch.context() as patch:
        patch.setattr(remote, "put_object", put)
        with pytest.raises(TransferError):
            push_shards(other, address)
    with pytest.raises(TalkeditError, match="push the shards again"):
        open_shards(address)
    assert push_shards(tiny_shards, address) == [PREPARATION, TRAIN]
    assert [sample.clip_id for sample in read_samples(fetch_shards(address), "train")] == ["one", "two"]


def test_a_store_that_fails_for_a_while_is_asked_again(pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_PATIENCE", Patience(timeout_s=5.0, n_tries=3, pause_s=0.0))
    failures = [TransferError("unreachable", "the line is down", is_passing=True)] * 2

    def read(url: str, start: int | None = None, stop: int | None = None) -> bytes:
        if start is not None and failures:
            raise failures.pop()
        return read_object(url, start, stop)

    monkeypatch.setattr(remote, "read_object", read)
    assert [sample.clip_id for sample in read_samples(open_shards(pushed), "validation")] == ["three"]
    assert not failures


@pytest.mark.parametrize("content", [b"another", b"", bytes(1 << 20)])
def test_another_file_than_the_list_says_is_refused(
    pushed: str, cache: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PATIENCE", Patience(timeout_s=5.0, n_tries=2, pause_s=0.0))
    folder = open_shards(pushed)
    S3FileSystem().pipe_file(f"{pushed}/{TRAIN}", content)
    with pytest.raises(TalkeditError, match=r"train-000000\.tar: "):
        list(read_samples(folder, "train"))
    assert kept(cache) == []
    S3FileSystem().pipe_file(f"{pushed}/{PREPARATION}", content)
    with pytest.raises(TalkeditError, match=r"preparation\.json: is not what shards\.json names"):
        open_shards(pushed)


CLIP = {"clip_id": "a", "n_frames": 20, "start": 0, "stop": 512, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"files": {"../../evil.tar": "0" * 64}, "clips": {}}, "evil"),
        ({"files": {}, "clips": {"../a.tar": [CLIP]}}, "a.tar"),
        (["a.tar"], "all of it: Input should be an object"),
        ({"files": {"a.tar": "md5"}, "clips": {}}, r"files\.a\.tar: String should match"),
        ({"files": {}, "clips": {"a.tar": [CLIP | {"sha256": "../../evil"}]}}, "sha256"),
        ({"files": {}, "clips": {"a.tar": [CLIP | {"start": -1}]}}, "start"),
        ({"a.tar": "0" * 64}, "files: Field required"),
    ],
)
def test_a_list_that_is_none_is_said(bucket: str, cache: Path, listed: object, said: str) -> None:
    S3FileSystem().pipe_file(f"{bucket}/odd/{LIST}", json.dumps(listed).encode())
    with pytest.raises(TalkeditError, match=rf"odd/shards\.json: is no list of shards \(.*{said}"):
        open_shards(f"{bucket}/odd")
    assert not cache.exists()


def test_a_list_of_another_version_is_written_over(pushed: str, tiny_shards: Path) -> None:
    S3FileSystem().pipe_file(f"{pushed}/{LIST}", json.dumps({TRAIN: "0" * 64}).encode())
    assert push_shards(tiny_shards, pushed) == FILES
    assert index_split(open_shards(pushed), "train")


def test_a_damaged_folder_of_the_cache_is_said(pushed: str) -> None:
    folder = open_shards(pushed)
    (folder / "store.json").write_text("{")
    with pytest.raises(TalkeditError, match=r"store\.json: is damaged; delete it and start again"):
        index_split(folder, "train")


def test_what_is_not_there_is_said(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(TalkeditError, match=r"nowhere/shards\.json: there is no such object; check the address"):
        open_shards(f"{bucket}/nowhere")
    with pytest.raises(TalkeditError, match="holds no shard; run `dvc repro shards`"):
        push_shards(tmp_path, bucket)


def test_the_commands_push_and_fetch(bucket: str, tiny_shards: Path, cache: Path) -> None:
    said = CliRunner().invoke(app, ["shards", "push", str(tiny_shards), f"{bucket}/commands"], catch_exceptions=False)
    assert said.output.splitlines()[-1] == f"{bucket}/commands: 3 files sent"
    said = CliRunner().invoke(app, ["shards", "fetch", f"{bucket}/commands"], catch_exceptions=False)
    assert len(kept(cache)) == 3
    assert [sample.clip_id for sample in read_samples(Path(said.stdout.splitlines()[-1]), "train")] == ["one", "two"]

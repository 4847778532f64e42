"""Shards go to an S3 store and come back the same, from moto's server on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from s3fs import S3FileSystem
from typer.testing import CliRunner

from talkedit.cli import app
from talkedit.errors import TalkeditError
from talkedit.shards.index import read_preparation, read_samples
from talkedit.shards.loader import Loader
from talkedit.shards.remote import LIST, local_shards, push_shards
from talkedit.shards.windows import to_batch

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


def test_a_folder_is_itself(tiny_shards: Path, cache: Path) -> None:
    assert local_shards(str(tiny_shards)) == tiny_shards
    assert not cache.exists()


def test_training_from_the_store_sees_what_it_sees_from_the_folder(pushed: str, tiny_shards: Path) -> None:
    fetched = local_shards(pushed)
    assert sorted(path.name for path in fetched.iterdir()) == FILES
    batches = []
    for folder in (tiny_shards, fetched):
        with Loader(folder, "train", 24, 5, 2, seed=0) as loader:
            batches.append(to_batch(loader.windows(3)))
    assert np.array_equal(batches[0].target, batches[1].target)
    assert np.array_equal(batches[0].mel, batches[1].mel)
    assert [sample.clip_id for sample in read_samples(fetched, "validation")] == ["three"]
    assert read_preparation(fetched) == read_preparation(tiny_shards)


def test_only_what_changed_is_sent_and_fetched(pushed: str, tiny_shards: Path, tmp_path: Path) -> None:
    assert push_shards(tiny_shards, f"{pushed}/") == []
    first = local_shards(pushed)
    written_ns = (first / TRAIN).stat().st_mtime_ns
    (first / VALIDATION).write_bytes(b"damaged since")
    assert local_shards(pushed) == first
    assert (first / TRAIN).stat().st_mtime_ns == written_ns
    assert (first / VALIDATION).read_bytes() == (tiny_shards / VALIDATION).read_bytes()
    other = tiny.write_shards(tmp_path / "other", tiny.corpus()[1:])
    assert push_shards(other, pushed) == [TRAIN]
    again = local_shards(pushed)
    assert again != first
    assert [sample.clip_id for sample in read_samples(again, "train")] == ["two"]


def test_another_file_than_the_list_says_is_refused(pushed: str, cache: Path) -> None:
    S3FileSystem().pipe_file(f"{pushed}/{TRAIN}", b"another")
    with pytest.raises(TalkeditError, match=r"train-000000\.tar: is not the file that shards\.json names"):
        local_shards(pushed)
    assert sorted(path.name for path in next((cache / "shards").iterdir()).iterdir()) == [PREPARATION]


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"../../evil.tar": "0" * 64}, "is no list of shards"),
        (["a.tar"], "is no list of shards"),
        ({"a.tar": "md5"}, "lists a file without its SHA-256"),
    ],
)
def test_a_list_that_is_none_is_said(bucket: str, listed: object, said: str) -> None:
    S3FileSystem().pipe_file(f"{bucket}/odd/{LIST}", json.dumps(listed).encode())
    with pytest.raises(TalkeditError, match=said):
        local_shards(f"{bucket}/odd")


def test_what_is_not_there_is_said(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(TalkeditError, match=r"nowhere/shards\.json: there is no such object; check the address"):
        local_shards(f"{bucket}/nowhere")
    with pytest.raises(TalkeditError, match="holds no shard; run `dvc repro shards`"):
        push_shards(tmp_path, bucket)


def test_the_commands_push_and_fetch(bucket: str, tiny_shards: Path) -> None:
    said = CliRunner().invoke(app, ["shards", "push", str(tiny_shards), f"{bucket}/commands"], catch_exceptions=False)
    assert said.output.splitlines()[-1] == f"{bucket}/commands: 3 files sent"
    said = CliRunner().invoke(app, ["shards", "fetch", f"{bucket}/commands"], catch_exceptions=False)
    assert [sample.clip_id for sample in read_samples(Path(said.stdout.splitlines()[-1]), "train")] == ["one", "two"]

"""Random access into the shards, and what it says of shards that are not whole."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from talkedit.errors import TalkeditError
from talkedit.shards.index import index_split, read_preparation, read_sample, read_samples
from talkedit.shards.tar import spans_of

from .. import tiny


def test_clips_come_in_the_order_of_their_shards(tmp_path: Path) -> None:
    one, two, _ = tiny.corpus()
    tiny.write_shards(tmp_path / "late", [one]).rename(tmp_path / "shards")
    (tmp_path / "shards" / "train-000000.tar").rename(tmp_path / "shards" / "train-000010.tar")
    shutil.copy(tiny.write_shards(tmp_path / "early", [two]) / "train-000000.tar", tmp_path / "shards")
    assert [entry.clip_id for entry in index_split(tmp_path / "shards", "train")] == ["two", "one"]


def test_any_clip_is_read_by_itself(tiny_shards: Path) -> None:
    last = index_split(tiny_shards, "train")[1]
    assert (last.clip_id, last.n_frames) == ("two", 20)
    sample, truth = read_sample(last), tiny.corpus()[1]
    assert sample.clip_id == "two"
    assert sample.crops_mp4 == truth.crops_mp4
    assert np.array_equal(sample.mel, truth.mel)


def test_a_missing_split_is_named(tiny_shards: Path) -> None:
    with pytest.raises(TalkeditError, match=r"no shard of the test split; run `dvc repro shards`"):
        list(read_samples(tiny_shards, "test"))


@pytest.mark.parametrize("kept_share", [0.0, 0.001, 0.3, 0.6])
def test_a_truncated_shard_is_one_sentence(tiny_shards: Path, tmp_path: Path, kept_share: float) -> None:
    content = (tiny_shards / "train-000000.tar").read_bytes()
    (tmp_path / "train-000000.tar").write_bytes(content[: int(len(content) * kept_share)])
    with pytest.raises(TalkeditError, match=r"train-000000\.tar: is damaged .*run `dvc repro -f shards`"):
        list(read_samples(tmp_path, "train"))


def test_a_shard_cut_between_two_clips_is_not_taken_for_a_short_one(tiny_shards: Path, tmp_path: Path) -> None:
    content = (tiny_shards / "train-000000.tar").read_bytes()
    second = spans_of(tiny_shards / "train-000000.tar")[1].start
    (tmp_path / "train-000000.tar").write_bytes(content[:second])
    with pytest.raises(TalkeditError, match="it is not whole after byte"):
        index_split(tmp_path, "train")


def test_a_damaged_header_is_not_taken_for_the_end(tiny_shards: Path, tmp_path: Path) -> None:
    content = bytearray((tiny_shards / "train-000000.tar").read_bytes())
    second = spans_of(tiny_shards / "train-000000.tar")[1]
    content[second.start] ^= 1
    (tmp_path / "train-000000.tar").write_bytes(content)
    with pytest.raises(TalkeditError, match=rf"is damaged \(it is not whole after byte {second.start}\)"):
        spans_of(tmp_path / "train-000000.tar")


def test_a_shard_that_shrank_after_it_was_indexed_is_one_sentence(tiny_shards: Path, tmp_path: Path) -> None:
    shard = Path(shutil.copy(tiny_shards / "train-000000.tar", tmp_path))
    last = index_split(tmp_path, "train")[1]
    shard.write_bytes(shard.read_bytes()[:20_000])
    with pytest.raises(TalkeditError, match="'two' is damaged"):
        read_sample(last)
    shard.unlink()
    with pytest.raises(TalkeditError, match=r"train-000000\.tar: is damaged .*No such file"):
        read_sample(last)


def test_how_the_shards_were_made_can_be_read(tiny_shards: Path, tmp_path: Path) -> None:
    assert read_preparation(tiny_shards)["attributes"]["pose"] == "landmarks"
    shutil.copy(tiny_shards / "train-000000.tar", tmp_path)
    with pytest.raises(TalkeditError, match=r"preparation\.json: cannot be read; run `dvc repro shards`"):
        read_preparation(tmp_path)
    (tmp_path / "preparation.json").write_text("{")
    with pytest.raises(TalkeditError, match="cannot be read"):
        read_preparation(tmp_path)

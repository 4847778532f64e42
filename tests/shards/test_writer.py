"""Shards made from the folders of the stages before."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from talkedit.errors import TalkeditError
from talkedit.face.crop import CropParams
from talkedit.face.extract import AttributesParams
from talkedit.face.identity import describe
from talkedit.folders import CLIPS_TABLE, write_attributes, write_crop_track
from talkedit.manifest import file_sha256
from talkedit.media.audio import write_wav
from talkedit.media.video import read_frames
from talkedit.params import load_section, write_record
from talkedit.records import CLIP_FPS, SAMPLE_RATE_HZ
from talkedit.shards.index import read_preparation, read_samples
from talkedit.shards.writer import ShardsParams, write_shards
from talkedit.tables import read_rows, write_table

from .. import tiny
from ..media.films import full_disk

PARAMS = ShardsParams(max_clips=1, position_smooth_s=0.0)
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source", "start_s", "split", "status")] + [("n_frames", pa.int32())]
)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders clips, crops and attributes of the made-up person, as the stages before leave them."""
    top = tmp_path_factory.mktemp("stages")
    for name, schema in (("clips", None), ("crops", CropParams), ("attributes", AttributesParams)):
        (top / name).mkdir()
        if schema:
            write_record(top / name, load_section(tiny.PARAMS_FILE, schema))
    rows = []
    for sample in tiny.corpus():
        clip_id, n_samples = sample.clip_id, sample.n_frames * SAMPLE_RATE_HZ // int(CLIP_FPS)
        rows.append({"clip_id": clip_id, "source": "a.mp4", "start_s": "0", "split": sample.split, "status": "kept"})
        rows[-1]["n_frames"] = sample.n_frames
        noise = np.random.default_rng(len(rows)).normal(scale=0.1, size=n_samples).clip(-1, 1)
        write_wav(top / "clips" / f"{clip_id}.wav", noise.astype(np.float32))
        (top / "crops" / f"{clip_id}.mp4").write_bytes(sample.crops_mp4)
        write_crop_track(top / "crops" / f"{clip_id}.npz", sample.track)
        write_attributes(top / "attributes", clip_id, sample.attributes)
    write_table(top / "clips" / CLIPS_TABLE, rows, SCHEMA)
    return top


def pack(stages: Path, out: Path, params: ShardsParams = PARAMS) -> dict[str, object]:
    return write_shards(stages / "clips", stages / "crops", stages / "attributes", out, params)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def test_two_runs_give_the_same_bytes(stages: Path, tmp_path: Path) -> None:
    pack(stages, tmp_path / "a")
    pack(stages, tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_the_index_says_what_is_where(stages: Path, tmp_path: Path) -> None:
    metrics = pack(stages, tmp_path)
    expected = [("one", "train-000000.tar"), ("two", "train-000001.tar"), ("three", "validation-000000.tar")]
    rows = read_rows(tmp_path / "index.parquet")
    assert [(row["clip_id"], row["shard"]) for row in rows] == expected
    assert {(row["n_frames"], row["size_px"]) for row in rows} == {(20, tiny.CROP_PX)}
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == [shard for _, shard in expected]
    assert metrics == {"train_clips": 2, "train_s": 1.6, "validation_clips": 1, "validation_s": 0.8}


def test_a_sample_is_what_the_stages_found(stages: Path, tmp_path: Path) -> None:
    pack(stages, tmp_path)
    for sample, truth in zip(read_samples(tmp_path, "train"), tiny.corpus(), strict=False):
        assert sample.crops_mp4 == truth.crops_mp4
        assert np.array_equal(sample.attributes.pose_deg, truth.attributes.pose_deg)
        assert np.array_equal(sample.track.landmarks_px, truth.track.landmarks_px)
        assert sample.mel.shape == (80, 65)  # 0.8 s, both ends
        np.testing.assert_allclose(sample.camera, truth.camera)
        # The heads are found again where the landmarks were projected from, but for float32 in the landmarks.
        np.testing.assert_allclose(sample.heads, truth.heads, atol=0.05)


def test_how_it_was_made_lies_beside_the_shards(stages: Path, tmp_path: Path) -> None:
    pack(stages, tmp_path)
    preparation = read_preparation(tmp_path)
    assert preparation["shards"] == {"max_clips": 1, "position_smooth_s": 0.0}
    assert preparation["crop"] == load_section(tiny.PARAMS_FILE, CropParams).model_dump()


def test_whose_face_it_is_lies_beside_the_shards(stages: Path, tmp_path: Path) -> None:
    pack(stages, tmp_path)
    looks = [
        describe(list(read_frames(stages / "crops" / f"{sample.clip_id}.mp4"))[at].image, sample.track.landmarks_px[at])
        for sample in tiny.corpus()
        if sample.split == "train"
        for at in (0, 10, 19)  # of 20 frames
    ]
    assert len(looks) == 6
    np.testing.assert_allclose(read_preparation(tmp_path)["who"], np.mean(looks, axis=0), atol=5e-5)


def test_shards_of_an_earlier_run_are_removed(stages: Path, tmp_path: Path) -> None:
    pack(stages, tmp_path)
    pack(stages, tmp_path, ShardsParams(max_clips=10, position_smooth_s=0.0))
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["train-000000.tar", "validation-000000.tar"]
    assert [sample.clip_id for sample in read_samples(tmp_path, "train")] == ["one", "two"]


def test_a_clip_without_attributes_is_an_error(stages: Path, tmp_path: Path) -> None:
    """A file is missing, and nobody would notice; whoever rejects a clip says so in the table."""
    copy = shutil.copytree(stages, tmp_path / "stages")
    (copy / "attributes" / "two.parquet").unlink()
    with pytest.raises(TalkeditError, match=r"two\.parquet: cannot be read"):
        pack(copy, tmp_path / "out")
    rows = read_rows(copy / "clips" / CLIPS_TABLE)
    write_table(copy / "clips" / CLIPS_TABLE, [row for row in rows if row["clip_id"] == "one"], SCHEMA)
    with pytest.raises(TalkeditError, match=r"no usable clip is left for validation.*sources\.yaml"):
        pack(copy, tmp_path / "out")


def test_a_full_disk_leaves_no_shard(stages: Path, tmp_path: Path) -> None:
    with full_disk(10_000), pytest.raises(TalkeditError, match="free some space"):
        pack(stages, tmp_path)
    assert not list(tmp_path.glob("*.tar"))

"""One clip in a shard: what goes in comes out bit for bit, and nothing that is no plain array comes out at all."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkedit.errors import TalkeditError
from talkedit.shards.index import read_samples
from talkedit.shards.samples import ARRAYS, Sample, decode, encode

from .. import tiny


def arrays_of(sample: Sample) -> dict[str, np.ndarray]:
    return {
        "mel": sample.mel,
        "heads": sample.heads,
        "camera": sample.camera,
        **vars(sample.attributes),
        "landmarks_px": sample.track.landmarks_px,
        "frame_from_crop": sample.track.frame_from_crop,
    }


def assert_same(a: Sample, b: Sample) -> None:
    assert (a.clip_id, a.split, a.crops_mp4) == (b.clip_id, b.split, b.crops_mp4)
    assert (a.track.size_px, a.track.frame_size_px) == (b.track.size_px, b.track.frame_size_px)
    for name, array in arrays_of(a).items():
        other = arrays_of(b)[name]
        assert array.dtype == other.dtype, name
        assert np.array_equal(array, other), name


@pytest.fixture
def members() -> dict[str, Any]:
    return encode(tiny.corpus()[0])


def test_decode_is_the_inverse_of_encode() -> None:
    for sample in tiny.corpus():
        assert_same(decode(encode(sample)), sample)


def test_every_array_of_a_sample_is_stored() -> None:
    assert set(arrays_of(tiny.corpus()[0])) == set(ARRAYS)


def test_a_shard_on_disk_gives_back_the_samples_in_order(tiny_shards: Path) -> None:
    found = list(read_samples(tiny_shards, "train"))
    assert [sample.clip_id for sample in found] == ["one", "two"]
    for sample, expected in zip(found, tiny.corpus(), strict=False):
        assert_same(sample, expected)


def test_bits_that_are_no_ordinary_number_survive() -> None:
    sample = tiny.corpus()[0]
    mel = sample.mel.copy()
    mel[0, :4] = np.nan, -0.0, np.inf, np.float32(1e-45)
    found = decode(encode(dataclasses.replace(sample, mel=mel))).mel
    assert found.tobytes() == mel.tobytes()


def test_equal_samples_give_equal_bytes(members: dict[str, Any]) -> None:
    assert encode(tiny.make_sample.__wrapped__("one", "train", 1)) == members


def test_an_array_of_objects_is_not_unpickled(members: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(TalkeditError, match=r"'one' is damaged.*run `dvc repro"):
        decode({**members, "mel.npy": buffer.getvalue()})


@pytest.mark.parametrize("name", ["meta.json", "crops.mp4", *(f"{name}.npy" for name in ARRAYS)])
def test_a_missing_member_is_named(members: dict[str, Any], name: str) -> None:
    del members[name]
    with pytest.raises(TalkeditError, match=f"'one' is damaged.*{name}"):
        decode(members)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mel.npy", b""),
        ("mel.npy", b"\x93NUMPY\x01\x00"),
        ("mel.npy", b"\x80\x04N."),  # a pickled None
        ("heads.npy", encode(tiny.corpus()[0])["heads.npy"][:-5]),
        ("meta.json", b"{"),
        ("meta.json", b"\xff\xfe"),
        ("meta.json", b"[]"),
        ("meta.json", json.dumps({"clip_id": "one", "split": "train", "size_px": None}).encode()),
    ],
)
def test_a_damaged_member_is_one_sentence(members: dict[str, Any], name: str, content: bytes) -> None:
    with pytest.raises(TalkeditError, match="'one' is damaged"):
        decode({**members, name: content})


def test_codes_of_another_number_of_frames_are_damage(members: dict[str, Any]) -> None:
    longer = encode(tiny.make_sample("one", "train", 1, n_frames=30))["eye_openness.npy"]
    with pytest.raises(TalkeditError, match=r"'one' is damaged .*different lengths: .*'eye_openness': 30"):
        decode(members | {"eye_openness.npy": longer})

from pathlib import Path

import pyarrow as pa
import pytest

from talkedit.errors import ParamsError
from talkedit.face import extract
from talkedit.face.extract import AttributesParams, build_extractors, extract_clips
from talkedit.folders import CROPS_TABLE, write_crop_track
from talkedit.tables import write_table

from ..tiny import make_sample

VALUES = {
    "pose": "landmarks",
    "pose_smooth_s": 0.08,
    "emotion": "xception",
    "emotion_smooth_s": 0.2,
    "emotion_every_n_frames": 1,
    "blink": "ear",
    "ear_closed": 0.15,
    "ear_open": 0.35,
}


def test_extractors_are_those_that_the_params_name() -> None:
    extractors = build_extractors(AttributesParams(**VALUES))
    assert [extractor.name for extractor in extractors] == ["landmarks", "xception", "ear"]
    assert [len(extractor.columns) for extractor in extractors] == [3, 7, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose": "guess"}, r"attributes\.pose is 'guess': not known; the known ones are landmarks"),
        ({"emotion": "guess"}, "the known ones are xception"),
        ({"blink": "guess"}, "the known ones are ear"),
        ({"ear_open": 0.1}, "should be more than ear_closed"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        build_extractors(AttributesParams(**(VALUES | change)))


def write_crops(folder: Path, n_clips: int) -> Path:
    """Clips of the made-up person, as the crop stage leaves them."""
    folder.mkdir()
    samples = [make_sample(f"clip-{i}", "train", i) for i in range(n_clips)]
    for sample in samples:
        (folder / f"{sample.clip_id}.mp4").write_bytes(sample.crops_mp4)
        write_crop_track(folder / f"{sample.clip_id}.npz", sample.track)
    schema = pa.schema([("clip_id", pa.string()), ("status", pa.string())])
    write_table(folder / CROPS_TABLE, [{"clip_id": sample.clip_id, "status": "kept"} for sample in samples], schema)
    return folder


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crops(tmp_path_factory.mktemp("four") / "crops", 4)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_however_many_workers_the_bytes_are_the_same(crops: Path, tmp_path: Path) -> None:
    params = AttributesParams(**VALUES)
    first = extract_clips(crops, tmp_path / "one", params, n_workers=1)
    assert extract_clips(crops, tmp_path / "two", params, n_workers=2) == first
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    assert len(_bytes(tmp_path / "one")) == 4 + 2


def test_a_killed_run_goes_on_where_it_was(crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params, out, write = AttributesParams(**VALUES), tmp_path / "out", extract.write_attributes
    asked = []

    def killed_at_the_third(folder, clip_id, attributes) -> None:
        asked.append(clip_id)
        if len(asked) == 3:
            raise KeyboardInterrupt
        write(folder, clip_id, attributes)

    monkeypatch.setattr(extract, "write_attributes", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        extract_clips(crops, out, params, n_workers=1)
    extract_clips(crops, out, params, n_workers=1)
    assert asked == ["clip-0", "clip-1", "clip-2", "clip-2", "clip-3"]
    (crops / "clip-1.npz").write_bytes((crops / "clip-2.npz").read_bytes())  # one source is another one now
    extract_clips(crops, out, params, n_workers=1)
    assert asked[5:] == ["clip-1"]

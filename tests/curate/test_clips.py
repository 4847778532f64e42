"""The curate stage on folders as the stages before leave them, with sound of a known offset."""

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from talkedit.curate.clips import SCHEMA, Folders, curate_clips, curate_metrics
from talkedit.curate.report import summary
from talkedit.curate.rules import CurateParams
from talkedit.errors import TalkeditError
from talkedit.face.geometry import frame_from_square
from talkedit.folders import read_clips, write_attributes, write_crop_track
from talkedit.media.audio import read_audio, read_wav, write_wav
from talkedit.media.video import write_video
from talkedit.params import load_section
from talkedit.records import CLIP_FPS, Attributes, CropTrack
from talkedit.tables import Row, read_rows, write_table

from ..face.talker import SAMPLES_PER_FRAME, babble, mouth_points
from ..media.films import make_film
from ..tiny import PARAMS_FILE

PARAMS = load_section(PARAMS_FILE, CurateParams).model_copy(update={"max_rejected_share": 0.7, "max_speakers": None})
N_FRAMES, LATE_FRAMES, SIZE_PX = 100, 4, 80
CLIPS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source", "start_s", "split", "status", "reason", "detail")]
    + [("n_frames", pa.int32()), ("loudness_db", pa.float64())]
)
CROPS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "status", "reason", "detail")]
    + [("found_share", pa.float64()), ("face_px", pa.float64())]
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """One source of 16 s, sound late by 4 frames, as three good clips, a blurred one, and two that others rejected."""
    top = tmp_path_factory.mktemp("made")
    folders = Folders(*(top / name for name in ("raw", "clips", "crops", "attributes")))
    for folder in (folders.raw, folders.clips, folders.crops, folders.attributes):
        folder.mkdir()
    sound = babble(4 * N_FRAMES)
    at_48_khz = np.repeat(sound, 3)
    make_film(folders.raw / "a.mkv", stamps=list(range(4 * N_FRAMES)), sound_s=(0.0, at_48_khz))
    clips = [_clip(f"a-{i}", i, "validation" if i == 2 else "train") for i in range(4)]
    for i, clip in enumerate(clips):
        samples = sound[i * N_FRAMES * SAMPLES_PER_FRAME :][: N_FRAMES * SAMPLES_PER_FRAME]
        write_wav(folders.clips / f"{clip['clip_id']}.wav", samples)
        _write_crop(folders, clip["clip_id"], samples, is_sharp=i != 3)
    dark = _clip("a-4", 0, "train")
    short = _clip("b", 0, "train") | {"status": "rejected", "reason": "too_short", "detail": "too short"}
    write_table(folders.clips / "clips.parquet", [*clips, dark, short], CLIPS_SCHEMA)
    kept = [_crop(clip["clip_id"], None) for clip in [*clips, short]]  # another source's clip may have b's name
    write_table(folders.crops / "crops.parquet", [*kept, _crop("a-4", "no_face")], CROPS_SCHEMA)
    return folders


def _clip(clip_id: str, place: int, split: str) -> Row:
    row: Row = dict.fromkeys(CLIPS_SCHEMA.names) | {"clip_id": clip_id, "source": "a.mkv", "split": split}
    start_s = str(place * N_FRAMES / CLIP_FPS)
    return row | {"status": "kept", "start_s": start_s, "n_frames": N_FRAMES, "loudness_db": -20.0}


def _crop(clip_id: str, reason: str | None) -> Row:
    status = "rejected" if reason else "kept"
    detail = reason and "no face was found"
    return {
        "clip_id": clip_id,
        "status": status,
        "reason": reason,
        "detail": detail,
        "found_share": 1.0,
        "face_px": 99.0,
    }


def _write_crop(folders: Folders, clip_id: str, samples: np.ndarray, is_sharp: bool) -> None:
    points = mouth_points(samples, N_FRAMES, LATE_FRAMES)
    to_frame = np.tile(frame_from_square((40, 40), SIZE_PX, SIZE_PX), (N_FRAMES, 1, 1))
    write_crop_track(
        folders.crops / f"{clip_id}.npz", CropTrack(SIZE_PX, to_frame, points.astype(np.float32), (96, 64))
    )
    checks = np.indices((SIZE_PX, SIZE_PX)).sum(axis=0) // 4 % 2 * 200
    image = checks if is_sharp else np.tile(np.arange(SIZE_PX) * 3, (SIZE_PX, 1))
    picture = np.repeat(image[..., None], 3, axis=2).astype(np.uint8)
    write_video(folders.crops / f"{clip_id}.mp4", [picture] * N_FRAMES, CLIP_FPS, crf=10)
    still = Attributes(*(np.zeros(shape, np.float32) for shape in ((N_FRAMES, 3), (N_FRAMES, 7), N_FRAMES)))
    write_attributes(folders.attributes, clip_id, still)


def test_late_sound_is_moved_and_every_clip_has_its_row(made: Folders, tmp_path: Path) -> None:
    rows = curate_clips(made, tmp_path / "out", PARAMS)
    assert read_rows(tmp_path / "out" / "clips.parquet") == rows
    found = {row["clip_id"]: (row["reason"], row["shift_frames"]) for row in rows}
    assert found == {
        **dict.fromkeys(("a-0", "a-1", "a-2"), (None, LATE_FRAMES)),
        "a-3": ("blurred", 0),
        "a-4": ("no_face", None),
        "b": ("too_short", None),
    }
    assert {row["source_offset_frames"] for row in rows[:4]} == {LATE_FRAMES}
    assert all(row["sharpness"] is not None for row in rows[:4])
    metrics = curate_metrics(rows)
    assert (metrics["n_kept"], metrics["n_shifted"], metrics["kept_s"]) == (3, 3, 12.0)
    assert (metrics["offset_frames"], metrics["rejected_blurred"]) == (LATE_FRAMES, 1)


def test_voices_are_counted_where_that_is_asked_for(made: Folders, tmp_path: Path) -> None:
    """A made-up voice is one voice; where nothing is as alike as is asked for, each of its seven windows is another."""
    rows = curate_clips(made, tmp_path / "out", PARAMS.model_copy(update={"max_speakers": 1}))
    assert [row["n_speakers"] for row in rows] == [1, 1, 1, 1, None, None]
    assert all(0.76 < row["voice_likeness"] <= 1 for row in rows[:4])
    strict = PARAMS.model_copy(update={"max_speakers": 1, "min_voice_likeness": 1.0})
    with pytest.raises(TalkeditError, match="several_speakers"):
        curate_clips(made, tmp_path / "out", strict)
    assert all(row["n_speakers"] > 1 for row in read_rows(tmp_path / "out" / "clips.parquet")[:4])


def test_moved_sound_is_the_sources_own(made: Folders, tmp_path: Path) -> None:
    curate_clips(made, tmp_path / "out", PARAMS)
    sound = read_audio(made.raw / "a.mkv")
    assert sound is not None
    moved = read_wav(tmp_path / "out" / "a-1.wav")[0]
    begin = (N_FRAMES + LATE_FRAMES) * SAMPLES_PER_FRAME
    np.testing.assert_allclose(moved, sound[begin : begin + len(moved)], atol=1 / 32768)
    assert {clip.clip_id for clip in read_clips(tmp_path / "out")} == {"a-0", "a-1", "a-2"}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["a-0.wav", "a-1.wav", "a-2.wav"]


def test_a_second_run_does_nothing_and_gives_the_same_bytes(made: Folders, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curate_clips(made, out, PARAMS)
    first = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.glob("*.wav")}
    curate_clips(made, out, PARAMS)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.glob("*.wav")} == first
    table = (out / "clips.parquet").read_bytes()
    shutil.rmtree(out)
    curate_clips(made, out, PARAMS)
    assert (out / "clips.parquet").read_bytes() == table
    assert {path.name: path.read_bytes() for path in out.glob("*.wav")} == {
        name: data for name, (data, _) in first.items()
    }


def test_sound_that_need_not_move_stays_byte_for_byte(made: Folders, tmp_path: Path) -> None:
    curate_clips(made, tmp_path / "out", PARAMS.model_copy(update={"sync_tolerance_frames": LATE_FRAMES}))
    assert (tmp_path / "out" / "a-0.wav").read_bytes() == (made.clips / "a-0.wav").read_bytes()


def test_too_many_rejected_is_an_error_with_the_counts(made: Folders, tmp_path: Path) -> None:
    with pytest.raises(
        TalkeditError, match=r"3 of 6 are rejected \(1 blurred, 1 no_face, 1 too_short\); the first, a-3"
    ):
        curate_clips(made, tmp_path / "out", PARAMS.model_copy(update={"max_rejected_share": 0.4}))
    with pytest.raises(TalkeditError, match=r"no clip is left for train and validation"):
        curate_clips(made, tmp_path / "out", PARAMS.model_copy(update={"min_sharpness": 99.0}))


def test_the_table_by_reason_fits_80_columns() -> None:
    numbers = {"face_px": 152.34, "sharpness": 0.79, "yaw_deg": -10.54, "loudness_db": -16.78, "speech_share": 0.75}
    row: Row = dict.fromkeys(SCHEMA.names) | numbers | {"status": "kept", "n_frames": 1475, "n_speakers": 1}
    rows = [row, row | {"status": "rejected", "reason": "several_speakers", "n_speakers": 2}]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(summary(rows))
    assert "\u2026" not in (text := console.export_text())
    assert text.splitlines()[2].split() == ["kept", "1", "59", "0", "152.3", "0.79", "-10.5", "-16.8", "0.75", "1"]

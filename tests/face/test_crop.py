import dataclasses
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from talkedit.errors import ClipRejected, TalkeditError
from talkedit.face.choose import FacesParams
from talkedit.face.crop import CropParams, crop_clips, plan_crops
from talkedit.face.extract import AttributesParams, extract_clips
from talkedit.face.geometry import apply, invert
from talkedit.folders import read_attributes, read_crop_track, write_crop_track
from talkedit.manifest import Manifest
from talkedit.media.video import read_frames, write_video
from talkedit.records import CropTrack, FaceTrack
from talkedit.tables import read_rows, write_table

N_FRAMES = 15
CLIPS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source", "start_s", "split", "status")] + [("n_frames", pa.int32())]
)
HEAD_XYXY_PX = (190, 42, 355, 292)  # of the sample: hair to beard, ear to ear
LARGEST = FacesParams(choose="largest", reference=None, max_distance=0.6, min_lead=0.1)


def _write_clips(folder: Path, clips: list[tuple[str, str, str]]) -> None:
    rows = [
        {"clip_id": clip_id, "source": source, "start_s": start_s, "split": "train", "n_frames": N_FRAMES}
        | {"status": "kept"}
        for clip_id, source, start_s in clips
    ]
    write_table(folder / "clips.parquet", rows, CLIPS_SCHEMA)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, sample_clip: Path) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    shutil.copy(sample_clip, folder / "man.mp4")
    wall = np.full((240, 320, 3), 120, np.uint8)
    write_video(folder / "wall.mp4", [wall] * 30, Fraction(25), crf=30)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_stage_makes_crops_and_says_why_not(tmp_path: Path, raw: Path, crop_params: CropParams) -> None:
    clips, out = tmp_path / "clips", tmp_path / "crops"
    _write_clips(
        clips,
        [
            ("man-0", "man.mp4", "0"),
            ("man-1", "man.mp4", "12/5"),
            ("wall-0", "wall.mp4", "0"),
            ("broken-0", "broken.mp4", "0"),
        ],
    )
    metrics = crop_clips(raw, clips, out, crop_params, LARGEST)
    assert (metrics["n_kept"], metrics["n_rejected"]) == (2, 2)
    rows = {row["clip_id"]: row for row in read_rows(out / "crops.parquet")}
    assert list(rows) == ["man-0", "man-1", "wall-0", "broken-0"]
    assert [row["reason"] for row in rows.values()] == [None, None, "no_face", "unreadable"]
    assert Manifest(out).items() == {"man-0", "man-1", "wall-0"}  # what could not be read is tried again
    assert rows["man-0"]["face_px"] == pytest.approx(150, rel=0.1)
    track = read_crop_track(out, "man-0")
    crops = [frame.image for frame in read_frames(out / "man-0.mp4")]
    assert len(crops) == len(track.frame_from_crop) == N_FRAMES
    assert {crop.shape for crop in crops} == {(track.size_px, track.size_px, 3)}

    first = _snapshot(out)
    crop_clips(raw, clips, out, crop_params, LARGEST)
    assert _snapshot(out) == first
    shutil.rmtree(out)
    crop_clips(raw, clips, out, crop_params, LARGEST)  # from nothing: the same bytes again
    assert _snapshot(out) == first

    _write_clips(clips, [("man-0", "man.mp4", "0")])
    before = (out / "man-0.mp4").stat().st_mtime_ns
    crop_clips(raw, clips, out, crop_params, LARGEST)
    assert sorted(_snapshot(out)) == ["crops.parquet", "man-0.mp4", "man-0.npz", "manifest.json", "params.json"]
    assert (out / "man-0.mp4").stat().st_mtime_ns == before

    _check_attributes(out, tmp_path / "attributes")


def _check_attributes(crops: Path, out: Path) -> None:
    params = AttributesParams(
        pose="landmarks",
        pose_smooth_s=0.08,
        emotion="xception",
        emotion_smooth_s=0.2,
        emotion_every_n_frames=5,
        blink="ear",
        ear_closed=0.15,
        ear_open=0.35,
    )
    metrics = extract_clips(crops, out, params)
    assert (metrics["n_clips"], metrics["n_frames"]) == (1, N_FRAMES)
    assert -5 <= metrics["yaw_deg_p5"] <= metrics["yaw_deg_p95"] <= 7
    attributes = read_attributes(out, "man-0")
    assert attributes.pose_deg.shape == (N_FRAMES, 3)
    np.testing.assert_allclose(attributes.emotion.sum(axis=1), 1, atol=1e-5)
    assert 0 <= attributes.eye_openness.min() <= attributes.eye_openness.max() <= 1
    first = _snapshot(out)
    assert extract_clips(crops, out, params) == metrics
    shutil.rmtree(out)
    extract_clips(crops, out, params)
    assert _snapshot(out) == first


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path, raw: Path, crop_params: CropParams) -> None:
    _write_clips(tmp_path / "clips", [("wall-0", "wall.mp4", "0")])
    with pytest.raises(TalkeditError, match=r"1 of 1 clips cannot be cropped \(no_face 1\); wall-0: no face was found"):
        crop_clips(raw, tmp_path / "clips", tmp_path / "crops", crop_params, LARGEST)


def test_a_source_that_is_gone(tmp_path: Path, raw: Path, crop_params: CropParams) -> None:
    _write_clips(tmp_path / "clips", [("gone-0", "gone.mp4", "0")])
    with pytest.raises(TalkeditError, match=r"gone\.mp4: cannot be read"):
        crop_clips(raw, tmp_path / "clips", tmp_path / "crops", crop_params, LARGEST)


def test_the_crop_holds_the_whole_head_and_hardly_moves(sample_crop_track: CropTrack) -> None:
    track = sample_crop_track
    corners = apply(track.frame_from_crop, np.tile([(0, 0), (track.size_px - 1,) * 2], (173, 1, 1)))
    low, high = corners[:, 0].max(axis=0), corners[:, 1].min(axis=0)
    assert (low < HEAD_XYXY_PX[:2]).all()
    assert (high > HEAD_XYXY_PX[2:]).all()
    assert np.abs(np.diff(corners, axis=0)).max() < 1.5  # px a frame: the background stays still
    assert track.size_px % 16 == 0
    scale = track.frame_from_crop[:, 0, 0]
    assert np.median(scale) == pytest.approx(1, abs=0.03)  # native: one crop pixel is one frame pixel


def test_landmarks_go_there_and_back(sample_crop_track: CropTrack, sample_track: FaceTrack) -> None:
    np.testing.assert_allclose(sample_crop_track.landmarks_in_frame_px(), sample_track.landmarks_px, atol=1e-3)
    in_crop = apply(invert(sample_crop_track.frame_from_crop), sample_track.landmarks_px)
    np.testing.assert_allclose(in_crop, sample_crop_track.landmarks_px, atol=1e-3)


def test_crop_tracks_are_read_as_written(tmp_path: Path, sample_crop_track: CropTrack) -> None:
    write_crop_track(tmp_path / "a.npz", sample_crop_track)
    write_crop_track(tmp_path / "b.npz", sample_crop_track)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = read_crop_track(tmp_path, "a")
    for field in dataclasses.fields(CropTrack):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(sample_crop_track, field.name))
    whole = (tmp_path / "a.npz").read_bytes()
    for content in (b"damaged", b"", whole[: len(whole) // 2]):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(TalkeditError, match="cannot be read"):
            read_crop_track(tmp_path, "b")


def _with_found(track: FaceTrack, found: np.ndarray) -> FaceTrack:
    landmarks = np.where(found[:, None, None], track.landmarks_px, np.nan).astype(np.float32)
    return dataclasses.replace(track, landmarks_px=landmarks, found=found)


@pytest.mark.parametrize(
    ("n_found", "changes", "reason"),
    [(0, {}, "no_face"), (100, {}, "face_lost"), (173, {"min_face_px": 400}, "face_too_small")],
)
def test_rejections(
    sample_track: FaceTrack, crop_params: CropParams, n_found: int, changes: dict[str, int], reason: str
) -> None:
    with pytest.raises(ClipRejected) as raised:
        plan_crops(_with_found(sample_track, np.arange(173) < n_found), 29.97, crop_params.model_copy(update=changes))
    assert raised.value.reason == reason


def test_a_gap_is_crossed_in_a_line(sample_track: FaceTrack, crop_params: CropParams) -> None:
    found = np.ones(173, bool)
    found[50:60] = False
    track = plan_crops(_with_found(sample_track, found), 29.97, crop_params)
    assert np.isfinite(track.landmarks_px).all()
    middle = track.landmarks_in_frame_px()[49:61]
    np.testing.assert_allclose(np.diff(middle, axis=0), np.tile((middle[-1] - middle[0]) / 11, (11, 1, 1)), atol=1e-3)


def test_stored_crops_have_a_largest_size(sample_track: FaceTrack, crop_params: CropParams) -> None:
    track = plan_crops(sample_track, 29.97, crop_params.model_copy(update={"max_size_px": 128}))
    assert track.size_px == 128
    np.testing.assert_allclose(track.landmarks_in_frame_px(), sample_track.landmarks_px, atol=1e-3)

"""Cuts the whole head out of every clip, keeping how to put it back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from talkedit import assets
from talkedit.closure import code_hash
from talkedit.errors import ClipRejected, MediaError, TalkeditError
from talkedit.face.choose import FacesParams, reference_descriptor
from talkedit.face.find import FaceFinder
from talkedit.face.geometry import apply, boxes_from_landmarks, cut, fill_gaps, frame_from_square, invert, smooth
from talkedit.folders import CROPS_TABLE, read_clips, write_crop_track
from talkedit.manifest import Manifest, content_key, file_sha256
from talkedit.media.video import read_frames_at, write_video
from talkedit.params import RECORD, Section, write_record
from talkedit.progress import track as progress
from talkedit.records import CLIP_FPS, Clip, CropTrack, FaceTrack, Image
from talkedit.tables import Row, write_table
from talkedit.workers import workers

# Of the side of a crop: H.264 codes blocks of 16, and part of a block costs as much as a whole one. A crop pixel is a
# frame pixel to within 3% of a 270 px crop.
SIZE_STEP_PX = 16
UNREADABLE = "unreadable"
SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("split", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("n_frames", pa.int64()),
        ("found_share", pa.float64()),
        ("face_px", pa.float64()),
        ("size_px", pa.int64()),
        ("n_faces", pa.int64()),
        ("choice_score", pa.float64()),
    ]
)


class CropParams(Section):
    """How the head is found and cut out."""

    section: ClassVar[str] = "crop"

    detect_every_n_frames: int = Field(ge=1, le=50, description="frames from one face detection to the next")
    max_gap_s: float = Field(ge=0, le=5, description="gaps without a face up to this long are bridged, seconds")
    min_found_share: float = Field(gt=0, le=1, description="least share of frames with a face, or the clip is rejected")
    min_face_px: int = Field(ge=16, description="least side of the face's box, pixels of the frame")
    box_scale: float = Field(ge=1, le=5, description="side of the crop over the side of the face's box")
    box_shift_y: float = Field(ge=-1, le=1, description="the crop's centre below the box's, in sides of the box")
    smooth_s: float = Field(ge=0, le=10, description="sigma of the smoothing of the crop's place and size, seconds")
    max_size_px: int = Field(
        ge=32, le=2048, multiple_of=SIZE_STEP_PX, description="largest side of a stored crop, pixels"
    )
    crf: int = Field(ge=0, le=51, description="H.264 quality of the stored crops; 0 is lossless, 10 looks so")
    max_rejected_share: float = Field(ge=0, lt=1, description="share of rejected clips above which the stage stops")


def plan_crops(track: FaceTrack, fps: float, params: CropParams) -> CropTrack:
    """Decides what is cut out of each frame: a square around the head that moves slowly.

    Where a frame has no face, the square and the landmarks lie between those of its neighbours.

    Args:
        track: The face, frame by frame.
        fps: Frames a second.
        params: See `CropParams`.

    Returns:
        One square per frame of `track`; it may reach past the frame.

    Raises:
        ClipRejected: `no_face`, `face_lost` (in too many frames) or `face_too_small`.
    """
    found_share, face_px = measure(track)
    if found_share == 0:
        raise ClipRejected("no_face", "no face was found in any frame; use footage that shows the face from the front")
    if found_share < params.min_found_share:
        detail = f"a face was found in {found_share:.0%} of the frames, fewer than crop.min_found_share asks for"
        raise ClipRejected("face_lost", detail)
    if face_px < params.min_face_px:
        raise ClipRejected(
            "face_too_small", f"the face has {face_px:.0f} px, crop.min_face_px is {params.min_face_px}; film closer"
        )
    landmarks = fill_gaps(track.landmarks_px, track.found)
    boxes = smooth(boxes_from_landmarks(landmarks), params.smooth_s * fps)
    box_side = boxes[:, 2] - boxes[:, 0]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + box_side[:, None] * [0, params.box_shift_y]
    side = box_side * params.box_scale
    size_px = min(SIZE_STEP_PX * max(1, round(float(np.median(side)) / SIZE_STEP_PX)), params.max_size_px)
    frame_from_crop = frame_from_square(centre, side, size_px)
    landmarks_in_crop = apply(invert(frame_from_crop), landmarks).astype(np.float32)
    return CropTrack(size_px, frame_from_crop, landmarks_in_crop, track.frame_size_px)


def measure(track: FaceTrack) -> tuple[float, float]:
    """The share of frames with a face, and the median side of its box in pixels (0 without any)."""
    if not track.found.any():
        return 0.0, 0.0
    boxes = boxes_from_landmarks(track.landmarks_px[track.found])
    return float(track.found.mean()), float(np.median(boxes[:, 2] - boxes[:, 0]))


def crop_clips(
    raw_folder: Path,
    clips_folder: Path,
    out_folder: Path,
    params: CropParams,
    faces: FacesParams,
    n_workers: int | None = None,
) -> dict[str, Any]:
    """The stage: crops and their transforms for every clip, and a table of what became of each.

    Clips whose result is there already, made by the same params, code and source, are not done again.

    Args:
        raw_folder: Where the sources lie.
        clips_folder: Where the table of clips lies.
        out_folder: Gets `<clip_id>.mp4`, `<clip_id>.npz` and `crops.parquet`.
        params: See `CropParams`.
        faces: See `FacesParams`.
        n_workers: Most processes; the number of cores if not given. The crops are the same whatever it is.

    Returns:
        Metrics: how many clips were kept and rejected, and medians over the kept ones.

    Raises:
        ParamsError: The reference picture cannot be used.
        TalkeditError: All clips were rejected, or more than `params.max_rejected_share` of them.
    """
    clips = read_clips(clips_folder)
    manifest = Manifest(out_folder)
    assets.fetch("dlib_landmarks_68")  # before the workers do, so that it is fetched once and its errors arrive whole
    code, wanted = code_hash(__file__), _wanted(faces)
    source_sha256 = cache(lambda name: _source_sha256(raw_folder / name))
    keys = {
        clip.clip_id: content_key(
            params=params.model_dump(), faces=wanted, code=code, clip=asdict(clip), source=source_sha256(clip.source)
        )
        for clip in clips
    }
    rows = {clip.clip_id: manifest.reuse(clip.clip_id, keys[clip.clip_id]) for clip in clips}
    todo = [clip for clip in clips if rows[clip.clip_id] is None]
    with workers(len(todo), n_workers, in_order=False) as run_all:
        finder = FaceFinder(params.detect_every_n_frames, params.max_gap_s, faces)
        tasks = [(clip, raw_folder / clip.source, clips_folder, out_folder, finder, params) for clip in todo]
        done = run_all(_crop_clip, tasks)
        for row in progress(done, "cropping", "clips", total=len(todo)):
            clip_id = row["clip_id"]
            rows[clip_id] = row
            if row["reason"] != UNREADABLE:  # this time; the disk may give it the next
                manifest.record(clip_id, keys[clip_id], _files(clip_id) if row["status"] == "kept" else [], row)
    table = [row for row in rows.values() if row is not None]
    write_table(out_folder / CROPS_TABLE, table, SCHEMA)
    write_record(out_folder, params)
    manifest.prune(set(rows), frozenset({CROPS_TABLE, RECORD}))
    return _summarise(table, params)


def _source_sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror}); run the download stage again") from error


def _files(clip_id: str) -> list[str]:
    return [f"{clip_id}.mp4", f"{clip_id}.npz"]


def _wanted(faces: FacesParams) -> dict[str, Any]:
    """What the choice of the face depends on."""
    if faces.reference is None:
        return faces.model_dump()
    reference_descriptor(faces.reference)  # says now, not in the first clip, what is wrong with it
    return faces.model_dump() | {"reference": file_sha256(faces.reference)}


def _crop_clip(
    clip: Clip, source: Path, clips_folder: Path, out_folder: Path, finder: FaceFinder, params: CropParams
) -> Row:
    """Crops one clip and writes its files; a clip that cannot be used is a row that says why."""
    row: Row = {"clip_id": clip.clip_id, "split": clip.split, "status": "rejected", "n_frames": clip.n_frames}
    row |= dict.fromkeys(("reason", "detail", "found_share", "face_px", "size_px", "n_faces", "choice_score"))
    try:
        found = finder.find(source, clip, clips_folder / f"{clip.clip_id}.wav")
        row |= {"n_faces": found.n_faces, "choice_score": found.score}
        row["found_share"], row["face_px"] = measure(found.track)
        crop_track = plan_crops(found.track, float(CLIP_FPS), params)
        video = out_folder / f"{clip.clip_id}.mp4"
        write_video(video, _crops(source, clip, crop_track), CLIP_FPS, params.crf)
    except ClipRejected as error:
        return row | {"reason": error.reason, "detail": error.detail}
    except MediaError as error:
        if error.path != source:
            raise TalkeditError(str(error)) from error  # not the clip's fault, such as a full disk
        return row | {"reason": UNREADABLE, "detail": error.problem}
    write_crop_track(out_folder / f"{clip.clip_id}.npz", crop_track)
    return row | {"status": "kept", "size_px": crop_track.size_px}


def _crops(source: Path, clip: Clip, track: CropTrack) -> Iterator[Image]:
    for frame, frame_from_crop in zip(read_frames_at(source, clip.times_s()), track.frame_from_crop, strict=True):
        yield cut(frame, frame_from_crop, track.size_px)


def _summarise(table: list[Row], params: CropParams) -> dict[str, Any]:
    kept = [row for row in table if row["status"] == "kept"]
    rejected = [row for row in table if row["status"] != "kept"]
    if not kept or len(rejected) > params.max_rejected_share * len(table):
        counts = Counter(row["reason"] for row in rejected)
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
        example = f"; {rejected[0]['clip_id']}: {rejected[0]['detail']}" if rejected else ""
        raise TalkeditError(f"{len(rejected)} of {len(table)} clips cannot be cropped ({reasons}){example}")
    return {
        "n_kept": len(kept),
        "n_rejected": len(rejected),
        "face_px": float(np.median([row["face_px"] for row in kept])),
        "size_px": float(np.median([row["size_px"] for row in kept])),
        "found_share": float(np.mean([row["found_share"] for row in kept])),
    }

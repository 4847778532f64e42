"""Measures what the editor can change, frame by frame: pose, emotion, blink. One extractor a file."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from talkedit.closure import code_hash
from talkedit.errors import ParamsError
from talkedit.face.blink import EarBlink
from talkedit.face.emotion import XceptionEmotion
from talkedit.face.pose import LandmarkPose
from talkedit.folders import (
    ATTRIBUTE_COLUMNS,
    CROPS_TABLE,
    attribute_matrix,
    kept_rows,
    read_attributes,
    read_crop_track,
    write_attributes,
)
from talkedit.manifest import Manifest, content_key, file_sha256
from talkedit.media.video import read_frames
from talkedit.params import RECORD, Section, write_record
from talkedit.progress import track as progress
from talkedit.records import CLIP_FPS, EMOTIONS, Attributes, CropTrack, Floats
from talkedit.workers import workers


class Extractor(Protocol):
    """Measures one thing in every frame of a clip.

    Whatever its own convention, it answers in that of `talkedit.records`: a pose extractor with `POSE` in degrees, an
    emotion extractor with probabilities in the order of `EMOTIONS`, a blink extractor with openness 0 to 1.

    Attributes:
        name: How params.yaml names it.
        columns: Names of what it measures.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """Measures.

        Args:
            crops: (T, S, S, 3) uint8 RGB.
            track: The landmarks and places of these crops.
            fps: Frames a second.

        Returns:
            (T, n) float32, a column for each of `columns`.
        """
        ...


class AttributesParams(Section):
    """Which extractor measures what, and how."""

    section: ClassVar[str] = "attributes"

    pose: str = Field(description="extractor of the head pose: landmarks | hopenet")
    pose_smooth_s: float = Field(ge=0, le=2, description="sigma of the smoothing of the pose, seconds")
    emotion: str = Field(description="extractor of the emotion: xception | rmn")
    emotion_smooth_s: float = Field(ge=0, le=5, description="sigma of the smoothing of the emotion, seconds")
    emotion_every_n_frames: int = Field(ge=1, le=25, description="frames from one look at the emotion to the next")
    blink: str = Field(description="extractor of the eye openness: ear")
    ear_closed: float = Field(ge=0, lt=1, description="eye aspect ratio of a closed eye")
    ear_open: float = Field(gt=0, lt=1, description="eye aspect ratio of an open eye; more than ear_closed")


def _hopenet(params: AttributesParams) -> Extractor:
    from talkedit.face.hopenet import HopenetPose  # noqa: PLC0415 (torch takes seconds to load)

    return HopenetPose(params.pose_smooth_s)


def _rmn(params: AttributesParams) -> Extractor:
    from talkedit.face.rmn import RmnEmotion  # noqa: PLC0415 (as above)

    return RmnEmotion(params.emotion_smooth_s, params.emotion_every_n_frames)


# They use all cores, or the GPU, by themselves, and half a gigabyte each.
_ON_TORCH = {"hopenet", "rmn"}

Registry = Mapping[str, Callable[[AttributesParams], Extractor]]

POSE_EXTRACTORS: Registry = {
    LandmarkPose.name: lambda params: LandmarkPose(params.pose_smooth_s),
    "hopenet": _hopenet,
}
EMOTION_EXTRACTORS: Registry = {
    XceptionEmotion.name: lambda params: XceptionEmotion(params.emotion_smooth_s, params.emotion_every_n_frames),
    "rmn": _rmn,
}
BLINK_EXTRACTORS: Registry = {EarBlink.name: lambda params: EarBlink(params.ear_closed, params.ear_open)}


def build_extractors(params: AttributesParams) -> tuple[Extractor, Extractor, Extractor]:
    """The extractors of pose, emotion and blink that the params name.

    Raises:
        ParamsError: A name is not known, or an eye would be closed when it is open.
        AssetError: The weights that one of them needs cannot be had. No other is taken in its place.
    """
    if params.ear_open <= params.ear_closed:
        raise ParamsError(
            f"attributes.ear_open is {params.ear_open}: should be more than ear_closed, {params.ear_closed}"
        )
    return (
        _lookup("pose", params.pose, POSE_EXTRACTORS)(params),
        _lookup("emotion", params.emotion, EMOTION_EXTRACTORS)(params),
        _lookup("blink", params.blink, BLINK_EXTRACTORS)(params),
    )


def extract_attributes(
    crops: NDArray[np.uint8], track: CropTrack, fps: float, extractors: Sequence[Extractor]
) -> Attributes:
    """Runs the extractors of `build_extractors` on a clip.

    Args:
        crops: (T, S, S, 3) uint8 RGB.
        track: The landmarks and places of these crops.
        fps: Frames a second.
        extractors: Of pose, emotion and blink.
    """
    pose, emotion, blink = (extractor(crops, track, fps) for extractor in extractors)
    return Attributes(pose, emotion, blink[:, 0])


def extract_clips(
    crops_folder: Path, out_folder: Path, params: AttributesParams, n_workers: int | None = None
) -> dict[str, Any]:
    """The stage: `<clip_id>.parquet` for every clip that was cropped, a row per frame.

    Clips whose result is there already, made by the same params, code and crops, are not done again. Each clip is
    recorded as soon as it is done.

    Args:
        crops_folder: What the crop stage made.
        out_folder: Gets the tables.
        params: See `AttributesParams`.
        n_workers: Most processes; the number of cores if not given. The tables are the same whatever it is.

    Returns:
        Metrics: the number of frames, and the range (5th to 95th percentile) of each control.
    """
    _extractors.cache_clear()
    _extractors(
        params.model_dump_json()
    )  # before the workers do, so that weights are fetched once and errors arrive whole
    manifest = Manifest(out_folder)
    code = code_hash(__file__)
    clip_ids = [row["clip_id"] for row in kept_rows(crops_folder / CROPS_TABLE)]
    keys = {clip_id: _key(crops_folder, clip_id, params, code) for clip_id in clip_ids}
    todo = [clip_id for clip_id in clip_ids if manifest.reuse(clip_id, keys[clip_id]) is None]
    n_most = 1 if {params.pose, params.emotion} & _ON_TORCH else n_workers
    with workers(len(todo), n_most, in_order=False) as run_all:
        tasks = [(clip_id, crops_folder, out_folder, params) for clip_id in todo]
        for clip_id, n_frames in progress(run_all(_extract_clip, tasks), "measuring", "clips", total=len(todo)):
            manifest.record(clip_id, keys[clip_id], [f"{clip_id}.parquet"], {"n_frames": n_frames})
    write_record(out_folder, params)
    manifest.prune(set(clip_ids), frozenset({RECORD}))
    return _summarise([attribute_matrix(read_attributes(out_folder, clip_id)) for clip_id in clip_ids])


def _key(crops_folder: Path, clip_id: str, params: AttributesParams, code: str) -> str:
    inputs = [file_sha256(crops_folder / f"{clip_id}{suffix}") for suffix in (".mp4", ".npz")]
    return content_key(params=params.model_dump(), code=code, inputs=inputs)


def _extract_clip(clip_id: str, crops_folder: Path, out_folder: Path, params: AttributesParams) -> tuple[str, int]:
    """Measures one clip and writes its table; in a process of its own, or not."""
    crops = np.stack([frame.image for frame in read_frames(crops_folder / f"{clip_id}.mp4")])
    with threadpool_limits(1):  # how many threads share a sum changes its last bit
        track = read_crop_track(crops_folder, clip_id)
        extractors = _extractors(params.model_dump_json())
        write_attributes(out_folder, clip_id, extract_attributes(crops, track, float(CLIP_FPS), extractors))
    return clip_id, len(crops)


@lru_cache(maxsize=1)
def _extractors(params_json: str) -> tuple[Extractor, Extractor, Extractor]:
    """Built once in each process."""
    return build_extractors(AttributesParams.model_validate_json(params_json))


def _lookup(what: str, name: str, known: Registry) -> Callable[[AttributesParams], Extractor]:
    if name not in known:
        raise ParamsError(f"attributes.{what} is {name!r}: not known; the known ones are {', '.join(known)}")
    return known[name]


def _summarise(tables: list[Floats]) -> dict[str, Any]:
    """Ranges of the controls, and the mean of each emotion."""
    table = np.concatenate(tables) if tables else np.zeros((1, len(ATTRIBUTE_COLUMNS)), np.float32)
    metrics: dict[str, Any] = {"n_clips": len(tables), "n_frames": sum(map(len, tables))}
    for column, values in zip(ATTRIBUTE_COLUMNS, table.T, strict=True):
        if column in EMOTIONS:
            metrics[f"{column}_mean"] = float(values.mean())
        else:
            metrics[f"{column}_p5"], metrics[f"{column}_p95"] = map(float, np.percentile(values, [5, 95]))
    return metrics

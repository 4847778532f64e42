"""Outside systems: a folder of the videos that one made of the held-out clips, and a manifest that says which is which.

`manifest.json` beside the videos, or `evaluate.systems` where there is no result and why::

    {"kind": "crop", "videos": {"CLIP": "file.mp4"}}

``crop``: a square picture of the head as the crop shows it, any size; ``frame``: the clip's full frame. 25 frames a
second, frame i of the video for frame i of the clip.
"""

import json
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pydantic

from talkedit.errors import ParamsError, TalkeditError
from talkedit.evaluate.footage import Video
from talkedit.evaluate.tools import Held
from talkedit.face.geometry import cut
from talkedit.media.video import read_frames
from talkedit.records import Image

MANIFEST = "manifest.json"


class SystemParams(pydantic.BaseModel):
    """One system of the table: its results, or why there are none."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)
    folder: str | None = pydantic.Field(description="of the result videos, seen from the project's folder; null: none")
    reason: str | None = pydantic.Field(description="why there are none; null where there are")

    @pydantic.model_validator(mode="after")
    def _has_one(self) -> "SystemParams":
        if (self.folder is None) == (self.reason is None):
            raise ValueError("say either a folder of results or the reason why there are none")
        return self


class ResultsManifest(pydantic.BaseModel):
    """What manifest.json holds."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)
    kind: Literal["crop", "frame"]
    videos: dict[str, str]


class OutsideSystem:
    """The results of a system that is not this one.

    Args:
        name: How the table calls it.
        folder: Of its videos and its manifest.

    Raises:
        ParamsError: There is no manifest, or it is not as it should be, or names a file outside the folder.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        try:
            self._manifest = ResultsManifest.model_validate(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            problem = " ".join(str(error).split())
            raise ParamsError(
                f"evaluate.systems.{name}.folder: {folder / MANIFEST} cannot be used ({problem}); see docs/metrics.md"
            ) from error
        for file in self._manifest.videos.values():
            if not (folder / file).resolve().is_relative_to(folder.resolve()):
                raise ParamsError(f"{folder / MANIFEST}: {file} lies outside the folder; name files inside it")

    def has(self, clip_id: str) -> bool:
        """Whether there is a result for the clip."""
        return clip_id in self._manifest.videos

    def video(self, held: Held) -> Video:
        """Its result for a clip, as crops of that clip's size.

        Raises:
            TalkeditError: It has not as many frames, or a frame of another size.
        """
        path = self._folder / self._manifest.videos[held.sample.clip_id]
        frames = [frame.image for frame in read_frames(path)]
        if len(frames) != held.sample.n_frames:
            raise TalkeditError(
                f"{path}: has {len(frames)} frames where the clip {held.sample.clip_id} has {held.sample.n_frames}; "
                "make it again at 25 frames a second, or leave it out of the manifest"
            )
        return np.stack([self._crop(image, at, held, path) for at, image in enumerate(frames)])

    def _crop(self, image: Image, at: int, held: Held, path: Path) -> Image:
        track = held.sample.track
        height, width = image.shape[:2]
        if self._manifest.kind == "frame":
            if (width, height) != tuple(track.frame_size_px):
                raise TalkeditError(f"{path}: is {width}x{height}, the clip {track.frame_size_px}; give full frames")
            return cut(image, track.frame_from_crop[at], track.size_px)
        if width != height:
            raise TalkeditError(f"{path}: is {width}x{height}; a crop is square, or say kind: frame in {MANIFEST}")
        how = cv2.INTER_AREA if width > track.size_px else cv2.INTER_CUBIC
        return cv2.resize(image, (track.size_px, track.size_px), interpolation=how).astype(np.uint8)

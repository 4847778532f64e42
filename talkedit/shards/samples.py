"""One clip as one WebDataset sample: encode and decode are inverses, and nothing is pickled."""

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkedit.errors import TalkeditError
from talkedit.records import EMOTIONS, Attributes, CropTrack, Floats

PREPARATION = "preparation.json"  # beside the shards: how crops and codes were made, of whom
ARRAYS = ("mel", "heads", "camera", "pose_deg", "emotion", "eye_openness", "landmarks_px", "frame_from_crop")


@dataclass(frozen=True)
class Sample:
    """What training and evaluation need of one clip, at 25 fps.

    Attributes:
        clip_id: The clip.
        split: ``train`` or ``validation``.
        crops_mp4: T crops at native size, an H.264 video file.
        mel: (80, n) float32, mel spectrogram of the whole clip, 80 steps a second.
        heads: (T, 3, 4) float32, camera_from_head.
        camera: (3,) float32, focal length and principal point x, y, in frame pixels.
        attributes: Pose, emotion, eye openness.
        track: Transforms and landmarks.
    """

    clip_id: str
    split: str
    crops_mp4: bytes
    mel: Floats
    heads: Floats
    camera: Floats
    attributes: Attributes
    track: CropTrack

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.heads)


def encode(sample: Sample) -> dict[str, Any]:
    """The sample as members of a shard: a video, NumPy arrays and JSON."""
    meta = {
        "clip_id": sample.clip_id,
        "split": sample.split,
        "size_px": sample.track.size_px,
        "frame_size_px": list(sample.track.frame_size_px),
        "emotions": list(EMOTIONS),
    }
    arrays = {
        "mel": sample.mel,
        "heads": sample.heads,
        "camera": sample.camera,
        "pose_deg": sample.attributes.pose_deg,
        "emotion": sample.attributes.emotion,
        "eye_openness": sample.attributes.eye_openness,
        "landmarks_px": sample.track.landmarks_px,
        "frame_from_crop": sample.track.frame_from_crop,
    }
    members: dict[str, Any] = {"__key__": sample.clip_id, "crops.mp4": sample.crops_mp4}
    members["meta.json"] = json.dumps(meta, sort_keys=True).encode()
    members |= {f"{name}.npy": _to_npy(array) for name, array in arrays.items()}
    return members


def decode(members: dict[str, Any]) -> Sample:
    """The inverse of `encode`.

    Raises:
        TalkeditError: A member is missing or is not what it should be.
    """
    key = members.get("__key__", "?")
    try:
        meta = json.loads(members["meta.json"])
        arrays = {name: np.load(io.BytesIO(members[f"{name}.npy"]), allow_pickle=False) for name in ARRAYS}
        track = CropTrack(
            int(meta["size_px"]), arrays["frame_from_crop"], arrays["landmarks_px"], tuple(meta["frame_size_px"])
        )
        attributes = Attributes(arrays["pose_deg"], arrays["emotion"], arrays["eye_openness"])
        lengths = {name: len(arrays[name]) for name in ARRAYS if name not in ("mel", "camera")}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"its parts have different lengths: {lengths}")
        return Sample(
            meta["clip_id"],
            meta["split"],
            members["crops.mp4"],
            arrays["mel"],
            arrays["heads"],
            arrays["camera"],
            attributes,
            track,
        )
    except (KeyError, ValueError, TypeError, EOFError) as error:
        raise TalkeditError(f"shard sample {key!r} is damaged ({error}); run `dvc repro -f shards`") from error


def _to_npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()

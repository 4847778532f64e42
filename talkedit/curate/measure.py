"""The numbers behind the verdict on a clip."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from talkedit.face.geometry import boxes_from_landmarks, cut, frame_from_square, grey
from talkedit.face.sync import MIN_FRAMES, lag_curve, mouth_shape, speech_shape
from talkedit.folders import read_attributes, read_crop_track
from talkedit.media.audio import read_wav
from talkedit.media.speech import speech_share
from talkedit.media.video import read_frames
from talkedit.records import Attributes, CropTrack, Floats, Image
from talkedit.tables import Row

# At 64 px across, faces of 115 to 1058 px in 18 videos have 0.36 to 0.95; blurred by 3% of their side, 0.09 to 0.21.
FACE_PX = 64
N_LOOKED_AT = 9

Limits = tuple[float, float, float]


def measure_clip(
    clip_id: str, clips: Path, crops: Path, attributes: Path, limits_deg: Limits, hear_voices: bool
) -> Row:
    """What `talkedit.curate.rules` and the table want to know of a clip.

    Args:
        clip_id: Which.
        clips: Folder of the segment stage.
        crops: Folder of the crop stage.
        attributes: Folder of the attributes stage.
        limits_deg: How far yaw, pitch and roll may be from 0.
        hear_voices: Whether voices are told apart.

    Returns:
        sharpness, speech_share, lag_curve (a list; None if the clip is too short), voice_merges (a list; None if nobody
        can tell, or was asked), out_of_pose_share, and yaw_deg, pitch_deg and roll_deg: the three of largest magnitude,
        but for a twentieth of the frames.
    """
    track, codes = read_crop_track(crops, clip_id), read_attributes(attributes, clip_id)
    samples, _ = read_wav(clips / f"{clip_id}.wav")
    n_frames = len(track.landmarks_px)
    curve = None
    if n_frames >= MIN_FRAMES:
        mouth = mouth_shape(track.landmarks_in_frame_px())
        curve = lag_curve(mouth, speech_shape(samples, n_frames)).round(6).tolist()
    return {
        "sharpness": round(clip_sharpness(crops / f"{clip_id}.mp4", track), 4),
        "speech_share": round(speech_share(samples), 4),
        "lag_curve": curve,
        "voice_merges": _voice_merges(samples) if hear_voices else None,
        "out_of_pose_share": round(out_of_pose_share(codes, limits_deg), 4),
        **_furthest(codes),
    }


def _voice_merges(samples: Floats) -> list[float] | None:
    from talkedit.curate.voices import voice_merges  # noqa: PLC0415 (loads torch, which nothing else here needs)

    return voice_merges(samples)


def clip_sharpness(crops: Path, track: CropTrack) -> float:
    """The median over some frames of `sharpness`."""
    wanted = set(np.linspace(0, len(track.landmarks_px) - 1, N_LOOKED_AT).round().astype(int).tolist())
    frames = ((i, frame.image) for i, frame in enumerate(read_frames(crops)) if i in wanted)
    return float(np.median([sharpness(image, track.landmarks_px[i]) for i, image in frames]))


def sharpness(image: Image, landmarks_px: NDArray[np.floating]) -> float:
    """Detail over contrast of a face at 64 px: deviation of the Laplacian over deviation of the luma."""
    box = boxes_from_landmarks(landmarks_px)
    face = cut(grey(image), frame_from_square((box[:2] + box[2:]) / 2, box[2] - box[0], FACE_PX), FACE_PX)
    detail = cv2.Laplacian(face.astype(np.float32), cv2.CV_32F)
    return float(detail.std() / max(face.std(), 1.0))


def out_of_pose_share(codes: Attributes, limits_deg: Limits) -> float:
    """Share of the frames, 0 to 1, in which yaw, pitch or roll is further from 0 than its limit."""
    return float((np.abs(codes.pose_deg) > np.array(limits_deg)).any(axis=1).mean())


def _furthest(codes: Attributes) -> Row:
    low, high = np.percentile(codes.pose_deg, [5, 95], axis=0)
    furthest = np.where(np.abs(low) > np.abs(high), low, high)
    return {
        f"{name}_deg": round(float(angle), 2) for name, angle in zip(("yaw", "pitch", "roll"), furthest, strict=True)
    }

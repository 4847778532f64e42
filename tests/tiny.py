"""A made-up person, so small that networks see all of them in milliseconds, and known exactly.

A coloured ellipsoid turns, blinks and talks in front of a gradient; its landmarks are its points, projected.
"""

import json
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from webdataset.writer import ShardWriter

from talkedit.face.crop import CropParams
from talkedit.face.extract import AttributesParams
from talkedit.face.geometry import apply, frame_from_square, invert
from talkedit.face.head import TURNING_POINT, camera_of
from talkedit.face.pose import HEAD_MODEL_INDICES, HEAD_MODEL_POINTS, rotation_from_angles
from talkedit.media.video import write_video
from talkedit.models.build import ModelParams
from talkedit.params import load_section
from talkedit.records import CLIP_FPS, Attributes, CropTrack, Doubles, Image
from talkedit.shards.samples import PREPARATION, Sample, encode
from talkedit.shards.writer import ShardsParams

PARAMS_FILE = Path(__file__).resolve().parent.parent / "params.yaml"
FRAME_SIZE_PX = (160, 120)
CROP_PX = 40
MEL_STEPS_PER_FRAME = 3.2
WHO = [0.1] * 128  # the made-up descriptor of the made-up face
EAR_CLOSED, EAR_PER_OPENNESS = 0.15, 0.2
# dlib's indices of what hangs together; the points between those of the head model lie on lines.
PARTS = (range(17), range(17, 22), range(22, 27), range(27, 31), range(31, 36), range(48, 60), range(60, 68))
WAV2LIP = {"kind": "wav2lip", "attributes": [], "sources": "raw", "mask_share": 0.5, "attention_px": []}
EYES = ((36, 39), (42, 45))  # first and last corner, left to right in the picture


def model_params(**changes: object) -> ModelParams:
    """Networks of the smallest size."""
    kind = {"kind": "talkedit", "attributes": ["pose", "emotion", "blink"], "sources": "guided", "patch_px": 1}
    sizes = {"image_px": 24, "width": 4, "max_width": 8, "decoder_ratio": 1, "embedding_dim": 8, "n_frames": 5}
    values = {**kind, **sizes, "mask_share": 0.75, "attention_px": [12], **changes}
    return ModelParams.model_validate(values, strict=False)


def corpus() -> list[Sample]:
    """Two clips to train on and one that is held out."""
    return [make_sample("one", "train", 1), make_sample("two", "train", 2), make_sample("three", "validation", 3)]


@cache
def make_sample(clip_id: str, split: str, seed: int, n_frames: int = 20) -> Sample:
    """One clip of the person."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * (np.arange(n_frames)[:, None] / n_frames + rng.random(4))
    pose_deg = (np.sin(phase[:, :3]) * (15, 8, 5)).astype(np.float32)
    attributes = Attributes(
        pose_deg=pose_deg,
        emotion=rng.dirichlet(np.full(7, 0.5), n_frames).astype(np.float32),
        eye_openness=np.clip(0.7 + np.sin(phase[:, 3]), 0, 1).astype(np.float32),
    )
    heads = place_heads(pose_deg, np.column_stack([3 * np.sin(phase[:, 0]), phase[:, 1] * 0, phase[:, 1] * 0 + 150]))
    track = make_track(heads, attributes.eye_openness)
    n_steps = round(n_frames * MEL_STEPS_PER_FRAME) + 1
    return Sample(
        clip_id=clip_id,
        split=split,
        crops_mp4=_video([_draw(points) for points in track.landmarks_px]),
        mel=np.clip(rng.normal(size=(80, n_steps)), -4, 4).astype(np.float32),
        heads=heads.astype(np.float32),
        camera=camera_of(FRAME_SIZE_PX),
        attributes=attributes,
        track=track,
    )


def place_heads(pose_deg: np.ndarray, translations: np.ndarray) -> Doubles:
    """camera_from_head, (T, 3, 4), of heads at known places that show known angles."""
    pairs = zip(pose_deg, np.asarray(translations, np.float64), strict=True)
    return np.stack([np.column_stack([rotation_from_angles(angles, at), at]) for angles, at in pairs])


def project(points: np.ndarray, head: np.ndarray, frame_size_px: tuple[int, int] = FRAME_SIZE_PX) -> Doubles:
    """Points of a head (N, 3) to frame pixels (N, 2): the pinhole camera's formula, written out once more."""
    focal, *principal = camera_of(frame_size_px).astype(np.float64)
    x, y, z = (np.asarray(points, np.float64) @ head[:, :3].T + head[:, 3]).T
    return np.column_stack([x / z, y / z]) * focal + principal


def make_track(heads: np.ndarray, eye_openness: np.ndarray) -> CropTrack:
    """Crops about the heads, and all 68 landmarks in them."""
    centres = np.stack([project(TURNING_POINT[None], head)[0] for head in heads]).round()
    frame_from_crop = frame_from_square(centres, np.full(len(heads), CROP_PX), CROP_PX)
    in_frame = np.stack(
        [project(face_points(openness), head) for head, openness in zip(heads, eye_openness, strict=True)],
    )
    return CropTrack(CROP_PX, frame_from_crop, apply(invert(frame_from_crop), in_frame).astype("f4"), FRAME_SIZE_PX)


def write_shards(folder: Path, samples: list[Sample]) -> Path:
    """The samples as the shards stage leaves them: a shard a split, and how all was made."""
    folder.mkdir(parents=True)
    for split in sorted({sample.split for sample in samples}):
        pattern = str(folder / f"{split}-%06d.tar")
        with ShardWriter(pattern, mtime=0, encoder=False, verbose=0) as writer:
            for sample in samples:
                if sample.split == split:
                    writer.write(encode(sample))
    sections = [load_section(PARAMS_FILE, schema) for schema in (CropParams, AttributesParams, ShardsParams)]
    preparation = {section.section: section.model_dump() for section in sections} | {"who": WHO}
    (folder / PREPARATION).write_text(json.dumps(preparation, indent=1, sort_keys=True))
    return folder


def face_points(openness: float) -> Doubles:
    """All 68 points of the head, (68, 3): those of the head model, the others on lines between them."""
    points = np.zeros((68, 3))
    points[HEAD_MODEL_INDICES] = HEAD_MODEL_POINTS
    known = set(HEAD_MODEL_INDICES.tolist())
    points[60], points[64] = points[48], points[54]
    for part in PARTS:
        given = [index for index in part if index in known | {60, 64}]
        for axis in range(3):
            points[part, axis] = np.interp(part, given, points[given, axis])
    for first, last in EYES:
        width = points[last] - points[first]
        lid = np.array([0, np.linalg.norm(width) * (EAR_CLOSED + EAR_PER_OPENNESS * openness) / 2, 0])
        for upper, lower, share in ((first + 1, first + 5, 1 / 3), (first + 2, first + 4, 2 / 3)):
            middle = points[first] + share * width
            points[upper], points[lower] = middle - lid, middle + lid
    return points


def _draw(landmarks_px: np.ndarray) -> Image:
    """A crop: gradient, head, eyes as dark as they are open, nose, mouth."""
    y, x = np.mgrid[:CROP_PX, :CROP_PX]
    image = np.stack([60 + 2 * x, 120 + y, 200 - 3 * y], axis=2).astype(np.uint8)
    middle = landmarks_px[[0, 8, 16, 27]].mean(axis=0)
    cv2.ellipse(image, _pixel(middle), (11, 15), 0, 0, 360, (220, 170, 140), -1, cv2.LINE_AA)
    for eye in (range(36, 42), range(42, 48)):
        cv2.fillPoly(image, [np.rint(landmarks_px[eye]).astype(np.int32)], (30, 20, 20), cv2.LINE_AA)
    cv2.line(image, _pixel(landmarks_px[27]), _pixel(landmarks_px[30]), (150, 90, 80), 1, cv2.LINE_AA)
    cv2.line(image, _pixel(landmarks_px[48]), _pixel(landmarks_px[54]), (170, 30, 40), 2, cv2.LINE_AA)
    return image


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _video(images: list[Image]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crops.mp4"
        write_video(path, images, CLIP_FPS, crf=10)
        return path.read_bytes()

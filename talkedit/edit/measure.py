"""The first pass over a video: follows the face, shot by shot, and measures what can be changed."""

import math
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.follow import Follower
from talkedit.edit.moments import Clock
from talkedit.edit.renderer import take, take_attributes
from talkedit.errors import ClipRejected, MediaError, ModelError, ParamsError
from talkedit.face.crop import CropParams, plan_crops
from talkedit.face.extract import AttributesParams, build_extractors, extract_attributes
from talkedit.face.geometry import cut
from talkedit.face.head import locate_heads
from talkedit.face.track import FaceTracker
from talkedit.media.ahead import ahead
from talkedit.media.video import Frame, Reader, VideoInfo, measure_duration_s
from talkedit.params import S, parse
from talkedit.records import EMOTIONS, POSE, Attributes, CropTrack, Doubles, FaceTrack, Floats
from talkedit.shards.writer import ShardsParams
from talkedit.train.artifact import CARD_FILE, TrainedModel

CHUNK_S, OVERLAP_S = 8.0, 1.0  # crops are measured in chunks that overlap, so that smoothing has no seams
EMOTION_EVERY_N_FRAMES = 5
N_WAITING = 4  # frames that are decoded before they are asked for

Stretches = list[tuple[int, int]]


@dataclass(frozen=True)
class Shot:
    """The frames from one cut to the next, if they show a face; N frames.

    Attributes:
        first: Number of its first frame.
        track: Where the head is cut out.
        attributes: Pose, emotion, blink, as they are.
        heads: (N, 3, 4), camera_from_head.
    """

    first: int
    track: CropTrack
    attributes: Attributes
    heads: Floats

    @property
    def frames(self) -> slice:
        """Which frames of the video they are."""
        return slice(self.first, self.first + len(self.heads))


@dataclass(frozen=True)
class Measured:
    """A video after the first pass; T frames.

    Attributes:
        info: What the file is.
        clock: When each frame is shown.
        shots: Those with a face.
        cuts: Numbers of the frames at which a shot begins, the first left out.
        found: (T,) bool, whether the frame has a face, or lies in a short gap between frames that do.
        seen: (T,) bool, whether the face's points were found in the frame itself.
        attributes: Pose, emotion and blink as they are; frames without a face have zeros, neutral and 1.
        damage: What could not be decoded, or None.
        n_faces: How many faces there were to choose from.
        face: Which of them this is, from 1.
    """

    info: VideoInfo
    clock: Clock
    shots: list[Shot]
    cuts: list[int]
    found: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    attributes: Attributes
    damage: str | None
    n_faces: int = 1
    face: int = 1

    @property
    def gaps(self) -> Stretches:
        """Where no face can be followed, (first, last) each."""
        return stretches(~self.found)

    @property
    def bridged(self) -> Stretches:
        """Short gaps, (first, last) each, in which the face's place was interpolated."""
        return stretches(self.found & ~self.seen)

    def centres_px(self) -> Doubles:
        """(T, 2), where the face is in each frame; NaN where there is none."""
        centres = np.full((len(self.found), 2), np.nan)
        for shot in self.shots:
            centres[shot.frames] = shot.track.landmarks_in_frame_px().mean(axis=1)
        return np.where(self.found[:, None], centres, np.nan)


class Measurer:
    """Measures videos as the model's own footage was measured.

    Args:
        model: A person's model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self._crop = _prepared(model, CropParams)
        self._shards = _prepared(model, ShardsParams)
        self._extractors = build_extractors(_sparing(_prepared(model, AttributesParams)))
        self._follower = Follower(FaceTracker(self._crop.detect_every_n_frames, self._crop.max_gap_s))

    def measure(self, source: Path, face: int | None = None, like: Measured | None = None) -> Measured:
        """Follows the face and measures.

        Args:
            source: The video.
            face: Which of several faces, from 1; None: the largest.
            like: About the same video; of several faces the one that was followed there is.

        Raises:
            MediaError: The source cannot be read, has no such face, or shows no usable one.
        """
        centres_px = like.centres_px() if like is not None and like.n_faces > 1 else None
        followed = self._follower.follow(source, face, centres_px)
        fps = float(followed.info.average_fps)
        found, shots, refusals = [], [], []
        for first, track in followed.shots:
            try:
                shots.append((first, self._plan(track, fps)))
                found.append(bridge(track.found, round(self._crop.max_gap_s * fps)))
            except ClipRejected as error:
                found.append(np.zeros_like(track.found))
                refusals.append(error)
        if not shots:
            refusal = next((error for error in refusals if error.reason != "no_face"), refusals[0])
            raise MediaError(source, refusal.detail) from refusal
        measured = list(self._measure_shots(source, shots, fps))
        all_found = np.concatenate(found)
        return Measured(
            info=followed.info,
            clock=_clock(source, np.array(followed.times_s, np.float64), fps),
            shots=measured,
            cuts=[first for first, _ in followed.shots if first],
            found=all_found,
            seen=np.concatenate([track.found for _, track in followed.shots]),
            attributes=_joined(measured, len(all_found)),
            damage=followed.damage,
            n_faces=followed.n_faces,
            face=followed.face,
        )

    def _plan(self, track: FaceTrack, fps: float) -> CropTrack:
        # Frames without a face are passed through, so few faces are no reason to refuse a video.
        return plan_crops(track, fps, self._crop.model_copy(update={"min_found_share": 1e-9}))

    def _measure_shots(self, source: Path, shots: list[tuple[int, CropTrack]], fps: float) -> Iterator[Shot]:
        n_read = 0
        with ahead(_frames(source), N_WAITING) as frames:
            for first, track in shots:
                n_frames = len(track.landmarks_px)
                deque(islice(frames, first - n_read), maxlen=0)
                attributes = self._measure_attributes(islice(frames, n_frames), track, fps)
                n_read = first + n_frames
                heads = locate_heads(track, attributes.pose_deg, self._shards.position_smooth_s * fps)
                yield Shot(first, track, attributes, heads)

    def _measure_attributes(self, frames: Iterator[Frame], track: CropTrack, fps: float) -> Attributes:
        chunk, overlap = (_whole_looks(length_s * fps) for length_s in (CHUNK_S, OVERLAP_S))
        n_total = len(track.landmarks_px)
        most = min(chunk + 2 * overlap, n_total)
        crops = np.empty((most, track.size_px, track.size_px, 3), np.uint8)  # frames from first_held to n_cut
        parts: list[Attributes] = []
        first_held = n_cut = 0
        for start in range(0, n_total, chunk):
            stop = min(start + chunk, n_total)
            for frame in islice(frames, min(stop + overlap, n_total) - n_cut):
                crops[n_cut - first_held] = cut(frame.image, track.frame_from_crop[n_cut], track.size_px)
                n_cut += 1
            held, window = crops[: n_cut - first_held], slice(first_held, n_cut)
            found = extract_attributes(held, take(track, window), fps, self._extractors)
            parts.append(take_attributes(found, slice(start - first_held, stop - first_held)))
            keep_from = max(stop - overlap, 0)
            crops[: n_cut - keep_from] = held[keep_from - first_held :]
            first_held = keep_from
        names = ("pose_deg", "emotion", "eye_openness")
        return Attributes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _clock(source: Path, times_s: Doubles, fps: float) -> Clock:
    last_s = float(measure_duration_s(source)) - float(times_s[-1])
    return Clock(times_s, fps, last_s if last_s > 0 else None)


def _frames(source: Path) -> Generator[Frame]:
    yield from Reader(source)


def _joined(shots: list[Shot], n_frames: int) -> Attributes:
    neutral = np.array([name == "neutral" for name in EMOTIONS], np.float32)
    pose, openness = np.zeros((n_frames, len(POSE)), np.float32), np.ones(n_frames, np.float32)
    emotion = np.tile(neutral, (n_frames, 1))
    for shot in shots:
        pose[shot.frames] = shot.attributes.pose_deg
        emotion[shot.frames] = shot.attributes.emotion
        openness[shot.frames] = shot.attributes.eye_openness
    return Attributes(pose, emotion, openness)


def _prepared(model: TrainedModel, schema: type[S]) -> S:
    """The section under which the model's footage was prepared, which an edit has to do in the same way."""
    try:
        return parse(schema, model.preparation[schema.section], str(model.folder))
    except (KeyError, ParamsError) as error:
        raise ModelError(f"{model.folder / CARD_FILE}: is damaged ({error}); train the model again") from error


def _whole_looks(n_frames: float) -> int:
    """So many frames or a few more, so that chunks look at the emotion in the frames in which a whole video would."""
    return max(math.ceil(n_frames / EMOTION_EVERY_N_FRAMES), 1) * EMOTION_EVERY_N_FRAMES


def _sparing(params: AttributesParams) -> AttributesParams:
    """The same, but emotion, which is smoothed over as many frames and seldom asked for, is not looked at in each."""
    every_n = max(params.emotion_every_n_frames, EMOTION_EVERY_N_FRAMES)
    return params.model_copy(update={"emotion_every_n_frames": every_n})


def bridge(found: NDArray[np.bool_], max_gap: int) -> NDArray[np.bool_]:
    """Counts gaps of at most `max_gap` frames between two frames with a face as found."""
    filled = found.copy()
    for first, last in stretches(~found):
        if first > 0 and last < len(found) - 1 and last - first < max_gap:
            filled[first : last + 1] = True
    return filled


def stretches(flags: np.ndarray) -> Stretches:
    """The runs of true values, (first, last) each: ``[0, 1, 1, 0, 1]`` gives ``[(1, 2), (4, 4)]``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]

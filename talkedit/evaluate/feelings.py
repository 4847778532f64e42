"""The closed loop of emotion: each one that the footage showed is asked for, and what came is measured again.

The measuring extractor is the one that the codes come from: no other one agrees with its seven shares.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkedit.evaluate.footage import Video
from talkedit.evaluate.loop import number
from talkedit.evaluate.signals import fit
from talkedit.evaluate.tools import Held, Tools
from talkedit.face.extract import Extractor
from talkedit.face.geometry import fill_gaps
from talkedit.records import CLIP_FPS, EMOTIONS, Attributes, CropTrack, Floats
from talkedit.train.artifact import TrainedModel

SHOWN = 0.5  # an emotion whose share varies by so much is one that the footage shows: of a face with one expression the
# extractor may well hesitate between two, in the sample from 0.25 to 0.60


def shown_emotions(ranges: dict[str, tuple[float, float]]) -> dict[str, float]:
    """The emotions that the footage shows, each with the largest share that it reached; empty if it is but one.

    Args:
        ranges: Of the model's card.
    """
    spans = {name: ranges[name] for name in EMOTIONS}
    shown = {name: high for name, (low, high) in spans.items() if high - low >= SHOWN}
    return shown if len(shown) > 1 else {}


@dataclass(frozen=True)
class Felt:
    """What came of one clip of T frames.

    Attributes:
        were: (T, 7), its codes.
        points: By emotion, each share that was asked of a frame, and the one that was measured.
        became: By emotion, (T, 7) when all of it was asked for.
    """

    were: Floats
    points: dict[str, list[tuple[float, float]]]
    became: dict[str, Floats]


def ask_clip(tools: Tools, emotion: Extractor, wanted: dict[str, float], held: Held) -> tuple[Felt, dict[str, Video]]:
    """Asks one clip for none, half and all of each emotion; the videos of all of it too, by name.

    Args:
        tools: The model.
        emotion: The extractor of the codes.
        wanted: See `shown_emotions`.
        held: The clip.
    """
    felt, ends = Felt(held.footage.attributes.emotion, {name: [] for name in wanted}, {}), dict[str, Video]()
    for name, most in wanted.items():
        for share in (0.0, most / 2, most):
            video = tools.edit(held, ask_emotion(held.footage.attributes, name, share))
            got = measure_emotion(emotion, video, held.landmarks_px, held)
            felt.points[name].extend((share, float(each)) for each in got[:, EMOTIONS.index(name)])
            if share == most:
                felt.became[name], ends[name] = got, video
    return felt, ends


def wanted_of(model: TrainedModel) -> dict[str, float]:
    """The emotions that a model is asked for: none where it takes none."""
    return shown_emotions(model.ranges) if "emotion" in model.params.attributes else {}


class Feelings:
    """Collects what came of emotions that were asked for.

    Args:
        wanted: See `wanted_of`.
        clips: What came of each clip.
    """

    def __init__(self, wanted: dict[str, float], clips: list[Felt]) -> None:
        self.wanted, self._clips = wanted, clips

    def scores(self) -> dict[str, Any]:
        """How many frames became what was asked, how many were so before, and the fit of each; None without a sweep."""
        matrix = self.matrix()
        shares = [(became[name], were[name]) for name in self.wanted for became, were in [(matrix[name], matrix[""])]]
        became, were = np.mean(shares, axis=0).tolist() if shares else (None, None)
        scores = {"emotion_share": became, "emotion_share_untouched": were}
        for name in self.wanted:
            found = fit(*np.array([point for clip in self._clips for point in clip.points[name]]).T)
            scores |= {f"emotion_{name}_{key}": number(getattr(found, key)) for key in ("slope", "r", "error", "n")}
        return scores

    def matrix(self) -> dict[str, dict[str, float]]:
        """By the emotion that was asked for, and last by none (""): the share of frames in which each was likeliest."""
        rows = {name: [clip.became[name] for clip in self._clips] for name in self.wanted}
        rows |= {"": [clip.were for clip in self._clips]} if self.wanted else {}
        likeliest = {name: np.concatenate(parts).argmax(axis=1) for name, parts in rows.items()}
        return {
            name: {seen: float((row == column).mean()) for column, seen in enumerate(EMOTIONS)}
            for name, row in likeliest.items()
        }


def ask_emotion(measured: Attributes, name: str, share: float) -> Attributes:
    """The same codes with one emotion's share set; the others keep their proportions, neutral takes what is none's."""
    emotion = measured.emotion.copy()
    column = EMOTIONS.index(name)
    emotion[:, column] = 0
    total = emotion.sum(axis=1, keepdims=True)
    emotion = np.where(total > 0, emotion * (1 - share) / np.where(total > 0, total, 1), 0)
    emotion[:, column] = share
    emotion[:, EMOTIONS.index("neutral")] += 1 - emotion.sum(axis=1)
    return replace(measured, emotion=emotion.astype(np.float32))


def measure_emotion(extractor: Extractor, video: Video, landmarks_px: Floats, held: Held) -> Floats:
    """(T, 7), by the extractor, of a video of this clip; landmarks may have frames of NaN, but not all."""
    seen = np.asarray(np.isfinite(landmarks_px).all(axis=(1, 2)))
    filled = fill_gaps(landmarks_px, seen).astype(np.float32)
    track = held.sample.track
    placed = CropTrack(track.size_px, held.footage.crops.frame_from_crop, filled, track.frame_size_px)
    return extractor(video, placed, float(CLIP_FPS))

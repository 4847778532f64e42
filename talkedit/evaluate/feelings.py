"""The closed loop of emotion: each one that the model can show is asked for, and what came is measured again.

Two measure it. The witness sees how far brows and mouth corners moved of what the emotion asks. The extractor that the
codes come from names the likeliest emotion; no other one agrees with its seven shares.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkedit.evaluate.footage import Video
from talkedit.evaluate.mesh import expression_moved
from talkedit.evaluate.tools import Held, Tools
from talkedit.face.extract import Extractor
from talkedit.face.geometry import fill_gaps
from talkedit.models.expressions import EMOTION_UNITS
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


def wanted_of(model: TrainedModel) -> dict[str, float]:
    """The emotions that a model is asked for, and how much of each; none where it takes none.

    Guided sources are given each expression by geometry; raw ones can know but those of the footage.
    """
    if "emotion" not in model.params.attributes:
        return {}
    return dict.fromkeys(EMOTION_UNITS, 1.0) if model.params.sources == "guided" else shown_emotions(model.ranges)


@dataclass(frozen=True)
class Felt:
    """What came of one clip of T frames.

    Attributes:
        were: (T, 7), its codes.
        became: By emotion, (T, 7) when it was asked for.
        moved: By emotion, (T,), see `talkedit.evaluate.mesh.expression_moved`.
    """

    were: Floats
    became: dict[str, Floats]
    moved: dict[str, Floats]


def ask_clip(tools: Tools, emotion: Extractor, wanted: dict[str, float], held: Held) -> tuple[Felt, dict[str, Video]]:
    """Asks one clip for each emotion; the videos too, by name.

    Args:
        tools: The model and the witness.
        emotion: The extractor of the codes.
        wanted: See `wanted_of`.
        held: The clip.
    """
    before = held.footage.attributes
    felt, videos = Felt(before.emotion, {}, {}), dict[str, Video]()
    for name, share in wanted.items():
        asked = ask_emotion(before, name, share)
        videos[name] = tools.edit(held, asked)
        felt.became[name] = measure_emotion(emotion, videos[name], held.landmarks_px, held)
        seen = tools.witness.look(videos[name], held.landmarks_px)
        felt.moved[name] = expression_moved(held.mesh, seen, asked.emotion - before.emotion)
    return felt, videos


class Feelings:
    """Collects what came of emotions that were asked for.

    Args:
        wanted: See `wanted_of`.
        clips: What came of each clip.
    """

    def __init__(self, wanted: dict[str, float], clips: list[Felt]) -> None:
        self.wanted, self._clips = wanted, clips

    def scores(self) -> dict[str, Any]:
        """How far faces moved, how many frames became what was asked, and were so before; None without a sweep."""
        matrix = self.matrix()
        shares = [(became[name], were[name]) for name in self.wanted for became, were in [(matrix[name], matrix[""])]]
        became, were = np.mean(shares, axis=0).tolist() if shares else (None, None)
        moved = {name: self._moved(name) for name in self.wanted}
        measured = [share for share in moved.values() if share is not None]
        scores = {
            "emotion_moved": float(np.mean(measured)) if measured else None,
            "emotion_share": became,
            "emotion_share_untouched": were,
        }
        for name in self.wanted:
            gains = [clip.became[name] - clip.were for clip in self._clips]
            gain = np.concatenate(gains)[:, EMOTIONS.index(name)]
            scores |= {f"emotion_{name}_moved": moved[name], f"emotion_{name}_gain": float(gain.mean())}
        return scores

    def _moved(self, name: str) -> float | None:
        """Mean over the frames in which a face was found; None without any."""
        shares = np.concatenate([clip.moved[name] for clip in self._clips])
        seen = shares[np.isfinite(shares)]
        return float(seen.mean()) if seen.size else None

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

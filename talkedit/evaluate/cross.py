"""Cross pairs: one held-out clip gives frames and speech, another one the attributes; the paper's task.

Pose and lids are those of the witness in both clips: it has seen neither the codes nor the model.
"""

from typing import Any

import numpy as np

from talkedit.evaluate.features import identity_distance
from talkedit.evaluate.feelings import measure_emotion
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import number, turned_where_seen
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.signals import Matches, events, match_events
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.face.extract import Extractor
from talkedit.records import Floats

BLINK_SLACK_FRAMES = 1


class Cross:
    """Collects how far clips took on what others gave them.

    Args:
        tools: The model and the witness.
        likeness: Finds landmarks, and has the lip-sync expert.
        emotion: The extractor that the giver's emotions come from.
        shut: Lid opening under which the witness calls an eye shut.
        factor: From the witness's lids to openness.
    """

    def __init__(self, tools: Tools, likeness: Likeness, emotion: Extractor, shut: float, factor: float) -> None:
        self._tools, self._likeness, self._emotion = tools, likeness, emotion
        self._shut, self._factor = shut, abs(factor)
        self._scores: list[tuple[int, dict[str, float]]] = []
        self._blinks: list[Matches] = []

    def examine(self, source: Held, giver: Held) -> Video:
        """Draws one pair; returns the video, as long as the shorter clip."""
        some = np.arange(min(len(source.mel), len(giver.mel)))
        source, giver = source.take(some), giver.take(some)
        video = self._tools.edit(source, giver.footage.attributes)
        mesh = self._tools.witness.look(video, source.landmarks_px)
        wanted, got = lid_opening(giver.mesh), lid_opening(mesh)
        self._blinks.append(match_events(events(wanted < self._shut), events(got < self._shut), BLINK_SLACK_FRAMES))
        found = self._likeness.landmarks_px(video)
        sync = self._likeness.expert.score(video, found, source)
        name, truth_px = self._likeness.expert.name, self._likeness.truth_px(source)[some]
        scores = {
            "pose_error_deg": _mean_turn(giver.mesh, mesh),
            "pose_error_deg_untouched": _mean_turn(giver.mesh, source.mesh),
            "openness_error": float(np.nanmean(np.abs(got - wanted))) * self._factor,
            "openness_error_untouched": float(np.nanmean(np.abs(lid_opening(source.mesh) - wanted))) * self._factor,
            "emotion_agreement": self._agreement(video, found, source, giver),
            "emotion_agreement_untouched": agreement(
                source.footage.attributes.emotion, giver.footage.attributes.emotion
            ),
            "identity_dlib": identity_distance(video, source.footage.crops.images, found, truth_px),
            f"{name}_confidence": sync.confidence,
            f"{name}_distance": sync.distance,
            f"{name}_offset_frames": float(sync.offset_frames),
        }
        self._scores.append((len(video), scores))
        return video

    def scores(self) -> dict[str, Any]:
        """Means over pairs, weighted by their frames, and the F1 of all blinks together; empty without a pair."""
        if not self._scores:
            return {}
        weights = [weight for weight, _ in self._scores]
        blinks = Matches(*(sum(column) for column in zip(*self._blinks, strict=True)))
        means = {
            f"cross_{key}": number(float(np.average([scores[key] for _, scores in self._scores], weights=weights)))
            for key in self._scores[0][1]
        }
        return means | {"cross_blink_f1": number(blinks.f1), "cross_blink_n": blinks.found + blinks.missed}

    def _agreement(self, video: Video, found: Floats, source: Held, giver: Held) -> float:
        if not np.isfinite(found).all(axis=(1, 2)).any():
            return float("nan")
        return agreement(measure_emotion(self._emotion, video, found, source), giver.footage.attributes.emotion)


def agreement(got: Floats, wanted: Floats) -> float:
    """Share of the frames whose likeliest emotion is the wanted one; (T, 7) each."""
    return float((got.argmax(axis=1) == wanted.argmax(axis=1)).mean())


def _mean_turn(before: Floats, after: Floats) -> float:
    """Mean absolute turn between two heads, frame by frame, mean of yaw, pitch and roll, degrees."""
    turns = np.abs(turned_where_seen(before, after))
    return float(np.nanmean(turns)) if np.isfinite(turns).any() else float("nan")

"""Cross pairs: one held-out clip gives frames and speech, another one the attributes; the paper's task.

Pose and lids are those of the witness in both clips: it has seen neither the codes nor the model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkedit.evaluate.features import describe_faces, identity_distance
from talkedit.evaluate.feelings import measure_emotion
from talkedit.evaluate.footage import Indices, Video
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.loop import number, turned_where_seen
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.signals import Matches, events, match_events, measured_mean
from talkedit.evaluate.tools import Held, Tools
from talkedit.face.extract import Extractor
from talkedit.records import Floats, Image

BLINK_SLACK_FRAMES = 1


@dataclass(frozen=True)
class Crossed:
    """What came of one pair of T frames.

    Attributes:
        n_frames: T.
        scores: Its numbers; the errors of openness in the unit of the witness's lids.
        wanted: (T,), the giver's lids.
        got: (T,), the drawn ones.
        pictures: Drawn frames by their numbers, to be shown.
    """

    n_frames: int
    scores: dict[str, float]
    wanted: Floats
    got: Floats
    pictures: dict[int, Image]


def examine_pair(
    tools: Tools, likeness: Likeness, emotion: Extractor, source: Held, giver: Held, shown: Indices
) -> Crossed:
    """Draws one pair, as long as the shorter clip.

    Args:
        tools: The model and the witness.
        likeness: Has the lip-sync expert.
        emotion: The extractor that the giver's emotions come from.
        source: Gives frames and speech.
        giver: Gives the attributes.
        shown: Which frames are to be shown, where there are so many.
    """
    some = np.arange(min(len(source.mel), len(giver.mel)))
    source, giver = source.take(some), giver.take(some)
    video = tools.edit(source, giver.footage.attributes)
    mesh, found = tools.witness.look(video, source.landmarks_px), tools.landmarks_px(video)
    wanted, got, untouched = (lid_opening(each) for each in (giver.mesh, mesh, source.mesh))
    given, own = giver.footage.attributes.emotion, source.footage.attributes.emotion
    scores = {
        "pose_error_deg": _mean_turn(giver.mesh, mesh),
        "pose_error_deg_untouched": _mean_turn(giver.mesh, source.mesh),
        "openness_error": float(np.nanmean(np.abs(got - wanted))),
        "openness_error_untouched": float(np.nanmean(np.abs(untouched - wanted))),
        "emotion_agreement": _agreement(emotion, video, found, source, given),
        "emotion_agreement_untouched": agreement(own, given),
        "identity_dlib": identity_distance(describe_faces(video, found), source.look.who),
    } | likeness.in_sync(video, found, source)
    pictures = {int(at): video[at] for at in shown if at < len(video)}
    return Crossed(len(video), scores, wanted, got, pictures)


def cross_scores(pairs: list[Crossed], shut: float, factor: float) -> dict[str, Any]:
    """Means over the pairs that could be measured, by their frames, and the F1 of all blinks; empty without a pair.

    Args:
        pairs: What came of each.
        shut: Lid opening under which the witness calls an eye shut.
        factor: From the witness's lids to openness.
    """
    if not pairs:
        return {}
    weights = [pair.n_frames for pair in pairs]
    means = {key: measured_mean([pair.scores[key] for pair in pairs], weights) for key in pairs[0].scores}
    means |= {key: abs(factor) * means[key] for key in ("openness_error", "openness_error_untouched")}
    blinks = Matches(*(sum(column) for column in zip(*(_blinks(pair, shut) for pair in pairs), strict=True)))
    scores: dict[str, Any] = {f"cross_{key}": number(mean) for key, mean in means.items()}
    return scores | {"cross_blink_f1": number(blinks.f1), "cross_blink_n": blinks.found + blinks.missed}


def _blinks(pair: Crossed, shut: float) -> Matches:
    return match_events(events(pair.wanted < shut), events(pair.got < shut), BLINK_SLACK_FRAMES)


def _agreement(emotion: Extractor, video: Video, found: Floats, source: Held, given: Floats) -> float:
    if not np.isfinite(found).all(axis=(1, 2)).any():
        return float("nan")
    return agreement(measure_emotion(emotion, video, found, source), given)


def agreement(got: Floats, wanted: Floats) -> float:
    """Share of the frames whose likeliest emotion is the wanted one; (T, 7) each."""
    return float((got.argmax(axis=1) == wanted.argmax(axis=1)).mean())


def _mean_turn(before: Floats, after: Floats) -> float:
    """Mean absolute turn between two heads, frame by frame, mean of yaw, pitch and roll, degrees."""
    turns = np.abs(turned_where_seen(before, after))
    return float(np.nanmean(turns)) if np.isfinite(turns).any() else float("nan")

"""The closed loop: one control at a time is asked for, and what came of it, and of all others, is measured."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from talkedit.edit.seam import seam_ratio
from talkedit.evaluate.features import identity_distance
from talkedit.evaluate.footage import Video, with_control
from talkedit.evaluate.likeness import Likeness
from talkedit.evaluate.mesh import lid_opening, turned_deg
from talkedit.evaluate.metrics import flicker_ratio
from talkedit.evaluate.signals import fit, measured_mean
from talkedit.evaluate.tools import Held, Tools
from talkedit.records import POSE, Floats

OPENNESS = "eye_openness"
ANGLES = tuple(f"{angle}_deg" for angle in POSE)
CONTROLS = (*ANGLES, OPENNESS)
IDENTITY = "identity_dlib"

Steps = dict[str, list[float]]


class Point(NamedTuple):
    """What was asked of one frame, and what the witness saw change; openness in its own unit, see `Loop.scores`."""

    control: str
    asked: float
    turned_deg: tuple[float, float, float]
    lids: float
    lids_before: float


@dataclass(frozen=True)
class Looped:
    """What came of one clip.

    Attributes:
        points: Of each edited frame.
        flicker: Of each edit of an angle.
        seam: Of each edited frame, see `talkedit.edit.seam`.
        moved_identity: By control, how far the person at each end of its sweep is from the real one.
    """

    points: list[Point]
    flicker: list[float]
    seam: list[float]
    moved_identity: dict[str, list[float]]


def edit_clip(tools: Tools, likeness: Likeness, steps: Steps, held: Held) -> tuple[Looped, dict[str, Video]]:
    """Edits one clip, one control at a time; the videos at both ends of each sweep too, by name.

    Args:
        tools: The model and the witness.
        likeness: Knows who is in a video.
        steps: What is asked for, by control: changes of angles in degrees, values of openness.
        held: The clip.
    """
    truth, looped = held.footage.crops.images, Looped([], [], [], {control: [] for control in steps})
    who, ends = likeness.who(truth), dict[str, Video]()
    border = tools.renderer.paste_mask(truth.shape[1])
    for control, values in steps.items():
        for value in values:
            video = tools.edit(held, with_control(held.footage.attributes, control, value))
            looped.points.extend(_measure(tools, held, video, control, value))
            looped.seam.extend(seam_ratio(*pair, border) for pair in zip(truth, video, strict=True))
            if control in ANGLES:
                mask = tools.mask(video.shape[1])
                looped.flicker.append(flicker_ratio(video, truth, held.landmarks_px, mask))
            if value in (min(values), max(values)):
                ends[_label(control, value)] = video
                looped.moved_identity[control].append(identity_distance(likeness.who(video), who))
    return looped, ends


class Loop:
    """Collects a model's closed loop.

    Args:
        steps: What was asked for; see `edit_clip`.
        clips: What came of each clip.
    """

    def __init__(self, steps: Steps, clips: list[Looped]) -> None:
        self._steps = steps
        self._points = [point for clip in clips for point in clip.points]
        self._flicker = [ratio for clip in clips for ratio in clip.flicker]
        self._seam = [ratio for clip in clips for ratio in clip.seam]
        self._moved_identity = {
            control: [distance for clip in clips for distance in clip.moved_identity[control]] for control in steps
        }

    def scores(self, factor: float, offset: float) -> dict[str, Any]:
        """The fit of each control, and how much the others moved meanwhile.

        Args:
            factor: From the witness's lids to openness; see `talkedit.evaluate.tools.lids_to_openness`.
            offset: Likewise.
        """
        scores: dict[str, Any] = {}
        for control in self._steps:
            asked, measured = self._pairs(control, control, factor, offset)
            found = fit(asked, measured)
            scores |= {f"{control}_{name}": number(getattr(found, name)) for name in ("slope", "r", "error", "n")}
            scores[f"{control}_leak"] = number(_most(self._leaks(control, factor, offset)))
        scores["closed_loop_detection_rate"] = float(np.mean([np.isfinite(point.lids) for point in self._points]))
        # Rounded: one process and two were seen to differ in its 15th digit.
        scores["seam_median"] = round(float(np.median(self._seam)), 6) if self._seam else None
        scores["flicker_ratio"] = number(measured_mean(self._flicker, np.ones(len(self._flicker))))
        return scores

    def table(self, factor: float, offset: float) -> str:
        """CSV: what was asked of a frame, and what was measured of all controls; empty where no face was found."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["control", "asked", *(f"measured_{control}" for control in CONTROLS)])
        for point in self._points:
            measured = [*point.turned_deg, factor * point.lids + offset]
            cells = [f"{value:.4g}" if np.isfinite(value) else "" for value in measured]
            writer.writerow([point.control, f"{point.asked:.4g}", *cells])
        return buffer.getvalue()

    def matrix(self, factor: float, offset: float) -> dict[str, dict[str, float]]:
        """By the control that was asked for: how far each moved, 1 as far as its own sweep; NaN is not measured.

        On the diagonal the slope; beside it what moved meanwhile, though nothing was asked of it. Last how far the
        person at both ends of the sweep is from the real one, which is no share.
        """
        matrix: dict[str, dict[str, float]] = {}
        for control in self._steps:
            row = dict(
                zip([seen for seen in CONTROLS if seen != control], self._leaks(control, factor, offset), strict=True)
            )
            row[control] = fit(*self._pairs(control, control, factor, offset)).slope
            moved = [distance for distance in self._moved_identity[control] if np.isfinite(distance)]
            row[IDENTITY] = float(np.mean(moved)) if moved else float("nan")
            matrix[control] = {seen: row[seen] for seen in (*CONTROLS, IDENTITY)}
        return matrix

    def sweeps(self, factor: float, offset: float) -> dict[str, list[tuple[float, float]]]:
        """By control: each value that was asked for, ascending, and the mean of what was measured, NaN without any."""
        sweeps: dict[str, list[tuple[float, float]]] = {}
        for control, values in self._steps.items():
            sweeps[control] = _means(values, *self._pairs(control, control, factor, offset))
        return sweeps

    def _pairs(self, control: str, seen: str, factor: float, offset: float) -> tuple[list[float], list[float]]:
        points = [point for point in self._points if point.control == control]
        if seen in ANGLES:
            measured = [point.turned_deg[ANGLES.index(seen)] for point in points]
        elif seen == control:
            measured = [factor * point.lids + offset for point in points]
        else:  # by how much it changed, because nothing was asked of it
            measured = [factor * (point.lids - point.lids_before) for point in points]
        return [point.asked for point in points], measured

    def _leaks(self, control: str, factor: float, offset: float) -> Iterator[float]:
        """How far each other control moved while this one went through its sweep, as a share of its own sweep.

        From least to most, of the means at each step: eyes that close at both ends of a turn have moved, too.
        """
        for other in CONTROLS:
            if other != control:
                pairs = self._pairs(control, other, factor, offset)
                means = [mean for _, mean in _means(self._steps[control], *pairs) if np.isfinite(mean)]
                yield float(np.ptp(means) / np.ptp(self._steps[other])) if len(means) > 1 else float("nan")


def _means(steps: Sequence[float], asked: list[float], measured: list[float]) -> list[tuple[float, float]]:
    """Each step, ascending, and the mean of what was measured when it was asked for; NaN without any."""
    wanted, seen = np.asarray(asked), np.asarray(measured)
    of_each = [(step, seen[(wanted == step) & np.isfinite(seen)]) for step in sorted(set(steps))]
    return [(step, float(each.mean()) if each.size else float("nan")) for step, each in of_each]


def _measure(tools: Tools, held: Held, video: Video, control: str, value: float) -> Iterator[Point]:
    mesh = tools.witness.look(video, held.landmarks_px)
    turns = turned_where_seen(held.mesh, mesh)
    lids = zip(lid_opening(mesh).tolist(), lid_opening(held.mesh).tolist(), strict=True)
    for turn, (after, before) in zip(turns.tolist(), lids, strict=True):
        yield Point(control, value, tuple(turn), after, before)


def turned_where_seen(before: Floats, after: Floats) -> Floats:
    """`turned_deg` of the frames in which both faces were found; NaN, (T, 3), in the others."""
    seen = np.isfinite(before[:, 0, 0]) & np.isfinite(after[:, 0, 0])
    turns = np.full((len(before), 3), np.nan, np.float32)
    turns[seen] = turned_deg(before[seen], after[seen])
    return turns


def number(value: float) -> float | None:
    """None where nothing could be measured: JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def _most(values: Iterator[float]) -> float:
    """The largest that was measured; NaN if none was."""
    return max((value for value in values if np.isfinite(value)), default=float("nan"))


def _label(control: str, value: float) -> str:
    return f"eyes {value:g}" if control == OPENNESS else f"{control.removesuffix('_deg')} {value:+g}"

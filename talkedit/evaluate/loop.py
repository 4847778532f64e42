"""The closed loop: one control at a time is asked for, and what came of it, and of all others, is measured."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from talkedit.evaluate.footage import ask
from talkedit.evaluate.mesh import lid_opening, turned_deg
from talkedit.evaluate.metrics import flicker_ratio
from talkedit.evaluate.signals import fit
from talkedit.evaluate.tools import Held, Tools, Video
from talkedit.progress import track
from talkedit.records import POSE, Floats

OPENNESS = "eye_openness"
ANGLES = tuple(f"{angle}_deg" for angle in POSE)
CONTROLS = (*ANGLES, OPENNESS)
IDENTITY = "identity_dlib"


class Point(NamedTuple):
    """What was asked of one frame, and what the witness saw change; openness in its own unit, see `Loop.scores`."""

    control: str
    asked: float
    turned_deg: tuple[float, float, float]
    lids: float
    lids_before: float


class Loop:
    """Collects the points of a model's closed loop.

    Args:
        tools: The model and the witness.
        steps: What is asked for, by control: changes of angles in degrees, values of openness.
        identity: How far the person of one video is from that of another; None: not measured.
    """

    def __init__(
        self,
        tools: Tools,
        steps: dict[str, list[float]],
        identity: Callable[[Video, Video], float] | None = None,
    ) -> None:
        self._tools, self._steps, self._identity = tools, steps, identity
        self._moved_identity: dict[str, list[float]] = {control: [] for control in steps}
        self._points: list[Point] = []
        self._flicker: list[float] = []

    def examine(self, held: Held) -> dict[str, Video]:
        """Edits one clip; returns the videos at both ends of each sweep, by name."""
        ends: dict[str, Video] = {}
        asks = [(control, value) for control, values in self._steps.items() for value in values]
        for control, value in track(asks, f"closed loop on {held.sample.clip_id}", "edits"):
            asked = ask(held.footage.attributes, control, value)
            video = self._tools.edit(held, asked)
            self._points += self._measure(held, video, control, value)
            if control in ANGLES:
                mask = self._tools.mask(video.shape[1])
                self._flicker.append(flicker_ratio(video, held.footage.crops.images, held.landmarks_px, mask))
            if value in (min(self._steps[control]), max(self._steps[control])):
                ends[_label(control, value)] = video
                if self._identity:
                    self._moved_identity[control].append(self._identity(video, held.footage.crops.images))
        return ends

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
        scores["flicker_ratio"] = number(float(np.mean(self._flicker))) if self._flicker else None
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
            asked, measured = map(np.asarray, self._pairs(control, control, factor, offset))
            seen = {value: measured[(asked == value) & np.isfinite(measured)] for value in sorted(set(values))}
            sweeps[control] = [
                (value, float(each.mean()) if each.size else float("nan")) for value, each in seen.items()
            ]
        return sweeps

    def _measure(self, held: Held, video: Video, control: str, value: float) -> Iterator[Point]:
        mesh = self._tools.witness.look(video, held.landmarks_px)
        turns = turned_where_seen(held.mesh, mesh)
        lids = zip(lid_opening(mesh).tolist(), lid_opening(held.mesh).tolist(), strict=True)
        for turn, (after, before) in zip(turns.tolist(), lids, strict=True):
            yield Point(control, value, tuple(turn), after, before)

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
        """How far each other control moved while this one went through its sweep, as a share of its own sweep."""
        for other in CONTROLS:
            if other != control:
                slope = fit(*self._pairs(control, other, factor, offset)).slope
                yield abs(slope) * np.ptp(self._steps[control]) / np.ptp(self._steps[other])


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

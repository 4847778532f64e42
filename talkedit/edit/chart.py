"""Draws curves over time: what was extracted, what is asked for, and what was measured again."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from talkedit.edit.measure import Measured
from talkedit.edit.plan import Plan
from talkedit.records import EMOTIONS, POSE, Attributes, Floats
from talkedit.train.artifact import Ranges

WIDTH_IN, ROW_IN, DPI = 12, 1.7, 100
EXTRACTED, ASKED, AGAIN = "#8a8f98", "#d1495b", "#00798c"
LEAST_CHANGE = 0.02  # of a share of emotion: less is not drawn


def draw_chart(plan: Plan, ranges: Ranges, again: Measured | None = None) -> bytes:
    """A PNG: a row a control, the training footage's range in grey, frames that stay as they are hatched.

    Args:
        plan: What was extracted and is asked for.
        ranges: Lowest and highest value of each control in the training footage.
        again: What was measured in the output; not drawn if not given.
    """
    emotions = _changed_emotions(plan)
    names = [*(f"{angle}_deg" for angle in POSE), "eye_openness", *emotions]
    figure = Figure(figsize=(WIDTH_IN, ROW_IN * len(names) + 0.6), dpi=DPI, layout="constrained")
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(rows, names, strict=True):
        _draw_row(axes, name, plan, ranges[name], again)
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper right", ncols=4, fontsize=8, frameon=False)
    rows[-1].set_xlabel("seconds")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def curve_of(attributes: Attributes, name: str) -> Floats:
    """(T,), one control by its name."""
    if name == "eye_openness":
        return attributes.eye_openness
    if name in EMOTIONS:
        return attributes.emotion[:, EMOTIONS.index(name)]
    return attributes.pose_deg[:, POSE.index(name.removesuffix("_deg"))]


def in_both(these: NDArray[np.bool_], those: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,), frames chosen in two videos, of which the second may have more or fewer than T frames."""
    n_shared = min(len(these), len(those))
    return np.pad(these[:n_shared] & those[:n_shared], (0, len(these) - n_shared))


def _changed_emotions(plan: Plan) -> list[str]:
    before = plan.measured.attributes
    changes = [np.abs(curve_of(plan.asked, name) - curve_of(before, name)).max() for name in EMOTIONS]
    return [name for name, change in zip(EMOTIONS, changes, strict=True) if change > LEAST_CHANGE]


def _draw_row(axes: Axes, name: str, plan: Plan, shown: tuple[float, float], again: Measured | None) -> None:
    times_s, measured = plan.measured.clock.times_s, plan.measured
    axes.axhspan(*shown, color="0.93", label="training footage")
    _line(axes, times_s, curve_of(measured.attributes, name), measured.found, EXTRACTED, "extracted", 1.6)
    _line(axes, times_s, curve_of(plan.asked, name), plan.edited, ASKED, "asked for", 1.6)
    if again is not None:
        seen = in_both(plan.edited, again.found)
        _line(axes, times_s, curve_of(again.attributes, name), seen, AGAIN, "measured again", 1.0)
    for first, last in plan.left_alone:
        end_s = times_s[last + 1] if last + 1 < len(times_s) else measured.clock.end_s
        axes.axvspan(times_s[first], end_s, facecolor="none", edgecolor="0.6", hatch="///", linewidth=0)
    for number in measured.cuts:
        axes.axvline(times_s[number], color="0.4", linewidth=0.8, linestyle="--")
    axes.set_ylabel(name.replace("_deg", ", degrees").replace("_", " "), fontsize=9)
    axes.set_xlim(0, measured.clock.end_s)
    axes.grid(alpha=0.3)


def _line(
    axes: Axes, times_s: np.ndarray, values: Floats, where: np.ndarray, colour: str, label: str, width: float
) -> None:
    n_shared = min(len(values), len(times_s))
    shown = np.where(where[:n_shared], values[:n_shared], np.nan)
    axes.plot(times_s[:n_shared], shown, color=colour, linewidth=width, label=label)

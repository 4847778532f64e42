"""Pictures of the report: training curves, and how far each control moved when another was asked for."""

import csv
import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from talkedit.evaluate.loop import CONTROLS

COLUMNS, INCHES = 4, 2.2


def curves_svg(folder: Path) -> str | None:
    """The curves that DVCLive left, one axis each, over steps; None where there are none."""
    files = sorted(folder.glob("*.tsv"))
    if not files:
        return None
    n_rows = -(-len(files) // COLUMNS)
    figure = Figure((COLUMNS * INCHES * 1.3, n_rows * INCHES), layout="constrained")
    for at, file in enumerate(files, 1):
        with open(file, encoding="utf-8", newline="") as lines:
            points = list(csv.DictReader(lines, delimiter="\t"))
        axes = figure.add_subplot(n_rows, COLUMNS, at)
        axes.plot([float(point["step"]) for point in points], [float(point[file.stem] or "nan") for point in points])
        axes.set_title(file.stem, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=7)
    return _svg(figure)


def matrix_svg(path: Path) -> str:
    """The disentanglement matrix: asked for by row, measured by column, 1 as far as that control's own sweep."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    seen = [name for name in rows[0] if name != "asked"] if rows else list(CONTROLS)
    values = np.array([[float(row[control] or "nan") for control in seen] for row in rows])
    figure = Figure((1.2 * len(seen) + 2, 0.6 * len(rows) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(np.abs(values), vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, "–" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", color=_ink(value))
    axes.set_xticks(range(len(seen)), seen, fontsize=8)
    axes.set_yticks(range(len(rows)), [row["asked"] for row in rows], fontsize=8)
    axes.set_xlabel("moved: controls as a share of their own sweep, identity as distance of descriptors")
    axes.set_ylabel("asked for")
    return _svg(figure)


def _ink(value: float) -> str:
    return "white" if abs(value) > 0.6 else "black"


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]

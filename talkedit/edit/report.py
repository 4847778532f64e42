"""The report beside an edited video: what was asked for, what came out, measured again; as JSON and as a page."""

import base64
import json
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import talkedit
from talkedit.edit.chart import curve_of, draw_chart, in_both
from talkedit.edit.editor import Editor, EditReport, report_of
from talkedit.edit.measure import Measured
from talkedit.edit.summary import summary
from talkedit.manifest import file_sha256, write_atomically
from talkedit.media.video import read_frames
from talkedit.records import POSE, Image

CONTROLS = (*(f"{angle}_deg" for angle in POSE), "eye_openness")
N_PICTURES, PICTURE_PX, JPEG_QUALITY = 4, 480, 85
LEAST_DRIFT_S = 10.0  # in less, a trend says nothing

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #1d2129; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child, th:first-child { text-align: left; }
.pictures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; } img { width: 100%; display: block; }
figcaption { font-size: .8rem; color: #666; } pre { background: #f4f5f7; padding: .8rem; overflow-x: auto; }
"""


def write_report(report: EditReport, editor: Editor) -> Path:
    """Measures the output and writes ``OUT.report.json`` and ``OUT.report.html`` beside it.

    Returns:
        The page.

    Raises:
        MediaError: The output cannot be read.
        TalkeditError: The report cannot be written.
    """
    again = editor.measure_again(report)
    content = as_numbers(report, again)
    write_atomically(report_of(report.out, ".json"), (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    chart = draw_chart(report.plan, editor.model.ranges, again)
    page = report_of(report.out, ".html")
    write_atomically(page, _page(report, content, chart).encode())
    return page


def as_numbers(report: EditReport, again: Measured | None) -> dict[str, Any]:
    """All that is known of an edit, as JSON values.

    Args:
        report: The edit.
        again: What was measured in the output; None if it shows no face.
    """
    plan, wanted = report.plan, report.wanted
    reference = wanted.reference
    return {
        "talkedit": talkedit.__version__,
        "source": {"name": report.source.name, "sha256": file_sha256(report.source)},
        "output": {"name": report.out.name, "sha256": file_sha256(report.out)},
        "asked": wanted.timeline.said(),
        "reference": reference
        and {"name": reference.path.name, "take": list(reference.take), "align": reference.align},
        "audio": wanted.audio and wanted.audio.name,
        "encoding": asdict(report.encoding) | {"pixel_format_used": report.rewritten.pixel_format},
        "samples_outside_the_mask_unchanged": report.rewritten.exact,
        "n_frames": report.n_frames,
        "n_edited": report.n_edited,
        "n_faces": plan.measured.n_faces,
        "face": plan.measured.face,
        "passed_through": report.passed_through,
        "interpolated": plan.measured.bridged,
        "cuts": plan.measured.cuts,
        "forced": report.forced,
        "damage": report.rewritten.damage,
        "seam": _spread(report.seam),
        "controls": _controls(report, again),
    }


def _controls(report: EditReport, again: Measured | None) -> dict[str, Any]:
    """For each control the means before, asked and after, and how the error of the output behaves.

    Over the edited frames; where the output was measured, over those of them in which it shows a face.
    """
    plan, edited = report.plan, report.plan.edited
    chosen = np.flatnonzero(edited if again is None else in_both(edited, again.found))
    times_s = plan.measured.clock.times_s[chosen]
    found: dict[str, Any] = {}
    for name in CONTROLS:
        curves = {"before": plan.measured.attributes, "asked": plan.asked, "after": again and again.attributes}
        rows = {key: curve_of(each, name)[chosen] for key, each in curves.items() if each is not None}
        found[name] = {f"{key}_mean": _rounded(values.mean()) for key, values in rows.items() if len(values)}
        if "after" in rows and len(times_s):
            error = rows["after"].astype(np.float64) - rows["asked"]
            found[name]["error_mean_absolute"] = _rounded(np.abs(error).mean())
            found[name]["drift_per_minute"] = _drift(times_s, error)
    return found


def _drift(times_s: np.ndarray, error: np.ndarray) -> float | None:
    """The trend of the error over time; None for a video too short for one."""
    if np.ptp(times_s) < LEAST_DRIFT_S:
        return None
    return _rounded(60 * np.polyfit(times_s, error, 1)[0])


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "median": _rounded(np.median(values)),
        "p95": _rounded(np.percentile(values, 95)),
        "max": _rounded(max(values)),
    }


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 4)


def _page(report: EditReport, content: dict[str, Any], chart: bytes) -> str:
    told = (sentence.replace(str(report.out), report.out.name) for sentence in summary(report))  # no folder of yours
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in told)
    seam = content["seam"]
    if seam:
        sentences += f"<li>seam: gradient across the border {seam['median']:.2f} times the input's (median), "
        sentences += f"{seam['max']:.2f} in the worst frame</li>"
    asked = escape(json.dumps({key: content[key] for key in ("asked", "reference", "audio")}, indent=1))
    title = escape(report.out.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: what was edited</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p>Edited from {escape(report.source.name)} by talkedit {escape(talkedit.__version__)}. The head in this video was drawn
again by a neural network: label it where it is shown.</p>
<ul>{sentences}</ul>
<h2>Before and after</h2><div class="pictures">{_pictures(report)}</div>
<h2>Asked for, and measured again in the output</h2>{_table(content["controls"])}
<p><img alt="curves over time" src="{_data("png", chart)}"></p>
<h2>What was asked for</h2><pre>{asked}</pre>
</body></html>
"""


def _table(controls: dict[str, Any]) -> str:
    columns = ("before_mean", "asked_mean", "after_mean", "error_mean_absolute", "drift_per_minute")
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in columns)
    rows = ""
    for name, values in controls.items():
        cells = (values.get(column) for column in columns)
        numbers = "".join(f"<td>{'–' if cell is None else format(cell, '.2f')}</td>" for cell in cells)
        rows += f"<tr><td>{name.replace('_deg', ', degrees').replace('_', ' ')}</td>{numbers}</tr>"
    return f"<table><tr><th>mean over edited frames</th>{head}</tr>{rows}</table>"


def _pictures(report: EditReport) -> str:
    numbers = np.flatnonzero(report.plan.edited[: report.n_frames])
    if not len(numbers):
        return "<p>No frame was edited.</p>"
    shares = np.linspace(0, len(numbers) - 1, N_PICTURES + 2)[1:-1].round().astype(int)
    wanted = sorted(set(numbers[shares].tolist()))
    figures = []
    for path, word in ((report.source, "before"), (report.out, "after")):
        for number, frame in enumerate(read_frames(path)):
            if number in wanted:
                figures.append(_figure(frame.image, f"{word}, {float(frame.time_s):.2f} s"))
            if number >= wanted[-1]:
                break
        figures.append("<div></div>" * (N_PICTURES - len(wanted)))
    return "".join(figures)


def _figure(image: Image, caption: str) -> str:
    scale = min(1.0, PICTURE_PX / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f'<figure style="margin:0"><img alt="{caption}" src="{_data("jpeg", jpeg.tobytes())}"><figcaption>{caption}</figcaption></figure>'  # noqa: E501


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

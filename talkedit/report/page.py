"""A run's report as one HTML file that needs nothing else: numbers, curves, pictures, videos, data and weights."""

import base64
import csv
import json
from html import escape
from pathlib import Path
from typing import Any

from talkedit.asset_list import ASSETS
from talkedit.evaluate.outputs import CLIPS_FILE, EMOTIONS_FILE, MATRIX_FILE, REASONS_FILE, VIDEOS
from talkedit.report.plots import curves_svg, matrix_svg
from talkedit.report.runs import read_committed, read_json
from talkedit.report.tables import DASH, Table
from talkedit.train.judges import CARD_FILE, read_card

PAGE_FILE, TRAINING = "index.html", ("train_discriminator", "train_generator")
STAGES = ("evaluate_details", *TRAINING, "edit")
SHEET, EDITED, PICTURES = "evaluate/contact_sheet.png", "edit/edited.mp4", ("edit/before_after.png",)
N_WORST, MOST_VIDEO_BYTES = 10, 8_000_000
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1400px;margin:1em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.5em 0}td,th{padding:.1em .6em;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}img,video,svg{max-width:100%;height:auto}
figure{display:inline-block;margin:.5em 1em .5em 0}figcaption{font-size:13px;color:#555}h1{margin:.2em 0}
details{border-top:1px solid #ddd;padding:.5em 0}summary{font-size:1.15em;font-weight:600;cursor:pointer}
.first{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:0 2em;align-items:start}
.first table{font-size:13.5px;line-height:1.3}.first .seen video{max-height:38vh}
.sheet{overflow:auto;max-height:46vh;border:1px solid #ddd}.sheet img{max-width:none;width:max(100%,1500px)}
@media(max-width:800px){.first{display:block}}"""


def build_page(project: Path, person: str, tables: list[Table]) -> str:
    """The page.

    Args:
        project: The project's folder.
        person: Whose run.
        tables: The paper's.

    Raises:
        TalkeditError: There is no evaluation yet.
    """
    reports = project / "reports" / person
    read_json(reports / "evaluate.json")  # the one that must be there
    parts = [
        _first_screen(project, person),
        *_reasons(reports / "evaluate" / REASONS_FILE),
        *_switched_off(project / "models" / person / "discriminator"),
        _folded("Tables of the paper", *map(_paper_table, tables)),
        _folded("Controls: asked for, and what else moved", *_controls(reports / "evaluate")),
        _folded("The ten clips that came out worst: truth beside what was drawn", *_worst(reports / "evaluate")),
        _folded("All other numbers, and their change against the last commit", *_numbers(project, person)),
        *(_folded(f"Curves of {stage}", svg) for stage in TRAINING if (svg := _curves(reports, stage))),
        _folded("More pictures", *(_picture(reports / name) for name in PICTURES if (reports / name).is_file())),
        _folded("Data and weights", *_origin(project / "models" / person / "generator")),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(person)}</title><style>{STYLE}</style>'
    return "\n".join([head, f"<h1>{escape(person)}</h1>", *parts, "</html>\n"])


def _folded(title: str, *parts: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{''.join(parts) or '<p>none</p>'}</details>"


def _first_screen(project: Path, person: str) -> str:
    """What decides: the headline beside the contact sheet and a video."""
    reports = project / "reports" / person
    numbers = _changes(project, f"reports/{person}/evaluate.json")
    sheet = f'<div class="sheet">{_picture(reports / SHEET)}</div>' if (reports / SHEET).is_file() else ""
    return f'<div class="first">{numbers}<div class="seen">{_first_video(reports)}{sheet}</div></div>'


def _first_video(reports: Path) -> str:
    """The edit if it is not too long to be put into a page, or else the least bad one of the worst clips."""
    edited, worst = reports / EDITED, _worst_videos(reports / "evaluate")
    if edited.is_file() and edited.stat().st_size <= MOST_VIDEO_BYTES:
        return _video(edited, "the first source, edited as params.yaml asks")
    return _video(worst[-1], f"truth beside what was drawn: {_clip_of(worst[-1])}") if worst else ""


def _reasons(path: Path) -> list[str]:
    """Why numbers are empty."""
    return [f"<p>{escape(key)}: {escape(why)}.</p>" for key, why in read_json(path).items()] if path.is_file() else []


def _switched_off(judges: Path) -> list[str]:
    """What the generator was not trained for, and why."""
    off = read_card(judges).off if (judges / CARD_FILE).is_file() else {}
    return [
        f"<p>The discriminator's {escape(term)} term is switched off: {escape(why)}.</p>" for term, why in off.items()
    ]


def _numbers(project: Path, person: str) -> list[str]:
    """All but the headline, by stage."""
    files = {stage: f"reports/{person}/{stage}.json" for stage in STAGES}
    there = {stage: file for stage, file in files.items() if (project / file).is_file()}
    return [f"<h3>{stage}</h3>{_changes(project, file)}" for stage, file in there.items()]


def _changes(project: Path, file: str) -> str:
    """The numbers of a file as they are and as the last commit has them."""
    now, before = read_json(project / file), read_committed(project, "HEAD", file) or {}
    return _table(["", "now", "change"], [[key, _shown(now[key]), _change(now[key], before.get(key))] for key in now])


def _change(now: Any, before: Any) -> str:
    if isinstance(now, int | float) and isinstance(before, int | float):
        return f"{now - before:+.4g}" if now != before else "0"
    return "" if now == before else f"was {_shown(before)}"


def _shown(value: Any) -> str:
    return DASH if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in header)]
    lines += [
        f"<td>{escape(row[0])}</td>" + "".join(f'<td class="n">{escape(cell)}</td>' for cell in row[1:]) for row in rows
    ]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _paper_table(table: Table) -> str:
    header, *rows = table.rows
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    return f"<h3>{escape(table.title)}</h3>{_table(header, rows)}{notes}"


def _controls(evaluate: Path) -> list[str]:
    """The matrix of the controls, and what became of the emotions that were asked for."""
    parts = [matrix_svg(evaluate / MATRIX_FILE)] if (evaluate / MATRIX_FILE).is_file() else []
    rows = list(csv.reader(_lines(evaluate / EMOTIONS_FILE)))
    if len(rows) > 1:
        parts += ["<p>Share of the frames in which each emotion was the likeliest, by what was asked for:</p>"]
        parts += [_table(rows[0], rows[1:])]
    return parts


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _curves(reports: Path, stage: str) -> str | None:
    return curves_svg(reports / stage / "plots" / "metrics")


def _picture(path: Path) -> str:
    return f'<p><img alt="{escape(path.stem)}" src="{_data_url(path, "image/png")}"></p>'


def _worst_videos(evaluate: Path) -> list[Path]:
    """By rank, the worst first."""
    return sorted((evaluate / VIDEOS).glob("*.mp4"))[:N_WORST]


def _clip_of(video: Path) -> str:
    return video.stem.partition("-")[2]


def _worst(evaluate: Path) -> list[str]:
    """The videos, each with its clip's number."""
    scores = {row["clip_id"]: row for row in csv.DictReader(_lines(evaluate / CLIPS_FILE))}
    return [
        _video(video, f"{clip}: SSIM in the mask {scores.get(clip, {}).get('ssim_in_mask', DASH)}")
        for video in _worst_videos(evaluate)
        for clip in [_clip_of(video)]
    ]


def _video(path: Path, caption: str) -> str:
    player = f'<video controls loop playsinline src="{_data_url(path, "video/mp4")}"></video>'
    return f"<figure>{player}<figcaption>{escape(caption)}</figcaption></figure>"


def _origin(model: Path) -> list[str]:
    """What the model was made of, and every file that talkedit may fetch."""
    card = read_json(model / "model.json") if (model / "model.json").is_file() else {}
    known = {key: card[key] for key in ("person", "talkedit", "data", "n_parameters", "preparation") if key in card}
    rows = [[asset.name, asset.licence, asset.sha256[:16], asset.note] for asset in ASSETS.values()]
    weights = _table(["weights and data that may be fetched", "licence", "SHA-256", ""], rows)
    return [f"<pre>{escape(json.dumps(known, indent=1))}</pre>", weights]


def _data_url(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

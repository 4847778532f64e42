"""A run's report as one HTML file that needs nothing else: numbers, curves, pictures, videos, data and weights."""

import base64
import csv
import json
from html import escape
from pathlib import Path
from typing import Any

from talkedit.asset_list import ASSETS
from talkedit.evaluate.outputs import CLIPS_FILE, MATRIX_FILE, REASONS_FILE, VIDEOS
from talkedit.report.plots import curves_svg, matrix_svg
from talkedit.report.runs import read_committed, read_json
from talkedit.report.tables import Table

PAGE_FILE, STAGES = "index.html", ("train_discriminator", "train_generator", "evaluate", "edit")
PICTURES = ("evaluate/contact_sheet.png", "edit/before_after.png")
N_WORST = 10
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.15em .8em;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}img,video,svg{max-width:100%;height:auto}
figure{display:inline-block;margin:.5em 1em .5em 0}figcaption{font-size:13px;color:#555}"""


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
        _section("Numbers, and their change against the last commit", *_numbers(project, person)),
        _section("Tables of the paper", *map(_paper_table, tables)),
        _section("Controls: asked for, and what else moved", *_matrix(reports / "evaluate" / MATRIX_FILE)),
        *(_section(f"Curves of {stage}", svg) for stage in STAGES[:2] if (svg := _curves(reports, stage))),
        _section("Pictures", *(_picture(reports / name) for name in PICTURES if (reports / name).is_file())),
        _section("The ten clips that came out worst: truth beside what was drawn", *_worst(reports / "evaluate")),
        _section("Data and weights", *_origin(project / "models" / person / "generator")),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(person)}</title><style>{STYLE}</style>'
    return "\n".join([head, f"<h1>{escape(person)}</h1>", *parts, "</html>\n"])


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts) or '<p>none</p>'}</section>"


def _numbers(project: Path, person: str) -> list[str]:
    tables = []
    for stage in STAGES:
        file = f"reports/{person}/{stage}.json"
        if (project / file).is_file():
            now, before = read_json(project / file), read_committed(project, "HEAD", file) or {}
            rows = [[key, _shown(value), _change(value, before.get(key))] for key, value in now.items()]
            tables.append(f"<h3>{stage}</h3>" + _table(["", "now", "change"], rows))
    reasons = project / "reports" / person / "evaluate" / REASONS_FILE
    if reasons.is_file():
        tables += [f"<p>{escape(key)}: {escape(why)}.</p>" for key, why in read_json(reasons).items()]
    return tables


def _change(now: Any, before: Any) -> str:
    if isinstance(now, int | float) and isinstance(before, int | float):
        return f"{now - before:+.4g}" if now != before else "0"
    return "" if now == before else f"was {_shown(before)}"


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


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


def _matrix(path: Path) -> list[str]:
    return [matrix_svg(path)] if path.is_file() else []


def _curves(reports: Path, stage: str) -> str | None:
    return curves_svg(reports / stage / "plots" / "metrics")


def _picture(path: Path) -> str:
    return f'<p><img alt="{escape(path.stem)}" src="{_data_url(path, "image/png")}"></p>'


def _worst(evaluate: Path) -> list[str]:
    """The videos by rank, each with its clip's numbers."""
    path = evaluate / CLIPS_FILE
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as lines:
        scores = {row["clip_id"]: row for row in csv.DictReader(lines)}
    figures = []
    for video in sorted((evaluate / VIDEOS).glob("*.mp4"))[:N_WORST]:
        clip_id = video.stem.partition("-")[2]
        caption = f"{clip_id}: SSIM in the mask {scores.get(clip_id, {}).get('ssim_in_mask', '–')}"
        player = f'<video controls muted loop playsinline src="{_data_url(video, "video/mp4")}"></video>'
        figures.append(f"<figure>{player}<figcaption>{escape(caption)}</figcaption></figure>")
    return figures


def _origin(model: Path) -> list[str]:
    """What the model was made of, and every file that talkedit may fetch."""
    card = read_json(model / "model.json") if (model / "model.json").is_file() else {}
    known = {key: card[key] for key in ("person", "talkedit", "data", "n_parameters", "preparation") if key in card}
    rows = [[asset.name, asset.licence, asset.sha256[:16], asset.note] for asset in ASSETS.values()]
    weights = _table(["weights and data that may be fetched", "licence", "SHA-256", ""], rows)
    return [f"<pre>{escape(json.dumps(known, indent=1))}</pre>", weights]


def _data_url(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

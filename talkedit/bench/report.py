"""Benchmark results for people and for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from talkedit.bench.loader import Reading
from talkedit.bench.race import Contestant
from talkedit.manifest import write_atomically


def machine_line(machine: dict[str, Any]) -> str:
    """The machine in a sentence."""
    gpu = f", {machine['gpu']}" if machine["gpu"] else ", no GPU"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{machine['memory_gb']} GB{gpu}, torch {machine['torch']}, Python {machine['python']}, "
        f"load {machine['load']} at the start"
    )


def race_rows(contestants: Sequence[Contestant]) -> list[dict[str, Any]]:
    """The figures of each contestant; `times_first` is how many times as fast as the first one it is."""
    rows = []
    for contestant in contestants:
        low, high = contestant.spread
        rows.append(
            {
                "name": contestant.name,
                "n_parameters": contestant.n_parameters,
                "gmacs_an_image": round(contestant.gmacs, 3),
                "images_per_s": round(contestant.images_per_s, 3),
                "images_per_s_low": round(low, 3),
                "images_per_s_high": round(high, 3),
                "s_per_step": round(median(contestant.seconds), 4),
                "waited_share": round(contestant.waited_share, 4),
                "peak_memory_mb": round(contestant.peak_mb),
                "times_first": round(contestant.times(contestants[0]), 3),
                "n_rounds": len(contestant.seconds),
            }
        )
    return rows


def race_table(rows: list[dict[str, Any]], title: str) -> Table:
    """The rows as a table for the terminal."""
    columns = ("", "Mparam", "GMAC", "images/s", "from..to", "s/step", "waits", "MB", "times")
    table = _table(columns, rows, title)
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['n_parameters'] / 1e6:.2f}" if row["n_parameters"] else "",
            f"{row['gmacs_an_image']:.2f}" if row["gmacs_an_image"] else "",
            f"{row['images_per_s']:.2f}",
            f"{row['images_per_s_low']:.2f}..{row['images_per_s_high']:.2f}",
            f"{row['s_per_step']:.3f}",
            f"{row['waited_share']:.1%}",
            str(row["peak_memory_mb"]),
            f"{row['times_first']:.2f}",
        )
    return table


def reading_rows(rounds: Sequence[Sequence[Reading]]) -> list[dict[str, Any]]:
    """The figures of each way of reading; `times_first` is how many times as fast as the first one it is."""
    rows = []
    for one in zip(*rounds, strict=True):
        rates = [reading.frames_per_s_per_core for reading in one]
        low, _, high = quantiles(rates, n=4, method="inclusive")
        ratio = median(rate / turn[0].frames_per_s_per_core for rate, turn in zip(rates, rounds, strict=True))
        rows.append(
            {
                "name": one[0].name,
                "frames_per_s_per_core": round(median(rates), 1),
                "frames_per_s_per_core_low": round(low, 1),
                "frames_per_s_per_core_high": round(high, 1),
                "frames_per_s": round(median(reading.n_frames / reading.seconds for reading in one), 1),
                "times_first": round(ratio, 2),
                "n_rounds": len(rounds),
            }
        )
    return rows


def reading_table(rows: list[dict[str, Any]], title: str) -> Table:
    """The rows as a table for the terminal."""
    columns = ("", "frames/s per core", "from..to", "frames/s", "times")
    table = _table(columns, rows, title)
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['frames_per_s_per_core']:.1f}",
            f"{row['frames_per_s_per_core_low']:.1f}..{row['frames_per_s_per_core_high']:.1f}",
            f"{row['frames_per_s']:.1f}",
            f"{row['times_first']:.2f}",
        )
    return table


def edit_table(rows: list[dict[str, Any]]) -> Table:
    """The rows of `talkedit.bench.edit.edit_once` as a table for the terminal."""
    caption = "first pass: face and measuring; second: drawing and encoding; MB: most memory of the process, all told"
    table = Table(box=SIMPLE_HEAD, title="Editing", caption=caption, pad_edge=False, padding=(0, 1, 0, 0))
    columns = ("", "size", "frames", "source fps", "fps", "first pass", "second pass", "network alone", "MB")
    for column in columns:
        table.add_column(column)
    names = ("size", "n_frames", "source_fps", "fps", "first_pass_fps", "second_pass_fps", "network_fps", "peak_mb")
    for row in rows:
        table.add_row(row["name"], *(str(row[name]) for name in names))
    return table


def extract_table(steps: list[dict[str, Any]], rows: list[dict[str, Any]]) -> Table:
    """The rows of `talkedit.bench.extract.timing_rows`, single steps first, as a table for the terminal."""
    table = Table(box=SIMPLE_HEAD, title="Extracting", pad_edge=False, padding=(0, 1, 0, 0))
    table.caption = f"medians; per core: for each second of processor time; times: as fast as the {rows[0]['name']}"
    for column in ("", "frames/s", "times", "frames/s per core", "times per core"):
        table.add_column(column)
    for row in steps + rows:
        times, per_core = (f"{row[key]:.2f}" if row in rows else "" for key in ("times_first", "times_first_per_core"))
        table.add_row(row["name"], str(row["frames_per_s"]), times, str(row["frames_per_s_per_core"]), per_core)
    return table


def evaluate_table(rows: list[dict[str, Any]], runs: list[dict[str, Any]], minutes: list[float]) -> Table:
    """The rows of `talkedit.bench.evaluate.evaluate_rows`, and what the runs took, as a table for the terminal.

    Args:
        rows: A part each.
        runs: By one process, and by several.
        minutes: Projected, of each run.
    """
    first = runs[0]
    title = f"Examining {first['n_clips']} clips of {first['frames_a_clip']:.0f} frames, {first['n_pairs']} pairs"
    caption = f"each control moved in {first['n_swept']} clips; CPU: processor time of all processes; projected: 100 "
    caption += "clips of 3 s and 100 pairs, sweeps apart; MB: most memory of all processes together"
    table = Table(box=SIMPLE_HEAD, title=title, caption=caption, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    for run in runs:
        table.add_column(f"{run['workers']} at work, s")
        table.add_column("CPU s")
    table.add_column("times")
    for row in rows:
        figures = [f"{value:.1f}" for pair in zip(row["seconds"], row["cpu_s"], strict=True) for value in pair]
        table.add_row(row["name"], *figures, f"{row['times_first']:.2f}")
    whole = [60 * run["n_clips"] / seconds for run, seconds in zip(runs, rows[-1]["seconds"], strict=True)]
    table.add_section()
    for name, values in (("clips a minute, sweeps apart", whole), ("projected, minutes", minutes)):
        cells = [cell for value in values for cell in (f"{value:.1f}", "")]
        table.add_row(name, *cells, f"{max(values) / min(values):.2f}" if len(values) > 1 else "")
    table.add_row("MB", *(cell for run in runs for cell in (str(run["peak_mb"]), "")), "")
    return table


def _table(columns: Sequence[str], rows: list[dict[str, Any]], title: str) -> Table:
    caption = f"medians; half of the turns lay in from..to; MB: most memory; times: as fast as {rows[0]['name']}"
    table = Table(box=SIMPLE_HEAD, title=title, caption=caption, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Writes the figures; the name never holds half a file."""
    write_atomically(file, (json.dumps(content, indent=1) + "\n").encode())

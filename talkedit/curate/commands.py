"""`talkedit clips`: what became of a person's clips, and why."""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console

from talkedit.curate.report import by_reason, listing, summary, write_clips_sheet
from talkedit.edit.commands import check_picture
from talkedit.errors import ParamsError
from talkedit.folders import CLIPS_TABLE
from talkedit.tables import read_rows

SHEET_FILE = "clips.png"


def clips(
    person: Annotated[str | None, typer.Option(help="Whose clips; the person of params.yaml if not given.")] = None,
    reason: Annotated[str | None, typer.Option(help="List the clips of this reason (or kept), one by one.")] = None,
    data: Annotated[Path, typer.Option(help="The data folder.")] = Path("data"),
    sheet: Annotated[Path | None, typer.Option(help="Where to write the pictures: a .png file.")] = None,
) -> None:
    """Show what became of a person's clips: how many were kept and rejected, why, and the numbers behind it.

    Writes a contact sheet of kept and rejected clips. Needs the curate stage: `dvc repro curate`. Example:

    talkedit clips --reason out_of_sync
    """
    if sheet is not None:
        check_picture(sheet)
    person = person or _person()
    rows = read_rows(data / person / "curated" / CLIPS_TABLE)
    groups = by_reason(rows)
    if reason is not None and not groups.get(reason):
        there = ", ".join(name for name, group in groups.items() if group)
        raise ParamsError(f"no clip has the reason {reason!r}; there are {there}")
    console = Console()
    console.print(summary(rows) if reason is None else listing(groups[reason]))
    if sheet is None:
        sheet = Path("reports") / person / SHEET_FILE
        sheet.parent.mkdir(parents=True, exist_ok=True)
    write_clips_sheet(sheet, rows if reason is None else groups[reason], data / person / "raw")
    print(f"contact sheet: {sheet}")


def _person(params: Path = Path("params.yaml")) -> str:
    try:
        return str(yaml.safe_load(params.read_text(encoding="utf-8"))["person"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ParamsError("params.yaml names no person here; run this in the project, or give --person") from error

"""The command line: `talkedit edit` and the other commands; most stand in the room whose work they do."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from talkedit import __version__
from talkedit.asset_commands import asset_commands
from talkedit.bench.commands import bench
from talkedit.curate.commands import clips
from talkedit.edit.commands import edit, faces, inspect, timeline_commands
from talkedit.errors import TalkeditError
from talkedit.report.commands import ablations, report, tables
from talkedit.shards.commands import shards_commands

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Edit the head of a person who talks in a video. Train that person's model first: `dvc repro`.",
)

app.add_typer(asset_commands, name="assets")
app.add_typer(bench, name="bench")
app.add_typer(timeline_commands, name="timeline")
app.add_typer(shards_commands, name="shards")
app.command()(edit)
app.command()(faces)
app.command()(inspect)
app.command()(clips)
app.command()(tables)
app.command()(ablations)
app.command()(report)


@app.command()
def profile(
    name: Annotated[str | None, typer.Argument(help="Which profile; without one they are listed.")] = None,
    params: Annotated[Path, typer.Option(help="The file to change.")] = Path("params.yaml"),
) -> None:
    """Lay a named set of numbers over params.yaml, whose comments stay. `git checkout params.yaml` takes it back.

    talkedit profile paper
    """
    from talkedit.profile import apply_profile, list_profiles, missing_weights  # noqa: PLC0415 (it loads all that has params: seconds)

    if name is None:
        for known, purpose in list_profiles().items():
            print(f"{known}: {purpose}")
        return
    changes = apply_profile(name, params)
    for change in changes:
        print(f"{change.name}: {change.old} -> {change.new}")
    if not changes:
        print(f"{params} has all of the profile {name} already")
    if missing := missing_weights(name):
        sizes = ", ".join(f"{asset.name} ({asset.size_bytes / 1e6:.1f} MB)" for asset in missing)
        names = " ".join(asset.name for asset in missing)
        sys.stderr.write(f"not here yet: {sizes}; fetched when first needed, or now: talkedit assets fetch {names}\n")


@app.command()
def doctor() -> None:
    """Say what is found on this machine, and what each missing thing means. Fetches nothing."""
    from talkedit.doctor import checks, render  # noqa: PLC0415 (it needs libraries that machines that train lack)

    Console().print(render(checks()))


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point; a TalkeditError is one line on stderr and exit status 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold what is no text
    try:
        app()
    except TalkeditError as error:
        sys.exit(f"error: {error}")

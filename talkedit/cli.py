"""The command line: `talkedit edit`, `talkedit clips`, `talkedit profile`, `talkedit bench`, `talkedit doctor`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from talkedit import __version__
from talkedit.bench.commands import bench
from talkedit.curate.commands import clips
from talkedit.doctor import checks, render
from talkedit.edit.editor import Editor, EditReport
from talkedit.edit.timeline import Timeline
from talkedit.errors import ParamsError, TalkeditError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Edit the head of a person who talks in a video. Train that person's model first: `dvc repro`.",
)

app.add_typer(bench, name="bench")
app.command()(clips)

DEFAULT_MODEL = Path("models/sample/generator")


@app.command()
def edit(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video of the person whose model it is.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The video to write: .mp4, .mov or .mkv.")],
    model: Annotated[Path, typer.Option("-m", "--model", help="The person's model folder.")] = DEFAULT_MODEL,
    yaw: Annotated[float | None, typer.Option(help="Degrees; positive: to the person's own left.")] = None,
    pitch: Annotated[float | None, typer.Option(help="Degrees; positive: up.")] = None,
    roll: Annotated[float | None, typer.Option(help="Degrees; positive: clockwise as the viewer sees it.")] = None,
    emotion: Annotated[str | None, typer.Option(help="angry, disgust, fear, happy, sad, surprise or neutral.")] = None,
    eye_openness: Annotated[float | None, typer.Option(help="0 (closed) to 1 (open).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Try what was never shown, and damaged videos.")] = False,
    crf: Annotated[int, typer.Option(min=0, max=51, help="H.264 quality; 0 is lossless, 14 looks so.")] = 14,
    preset: Annotated[str, typer.Option(help="x264's speed, ultrafast to veryslow.")] = "medium",
) -> None:
    """Write a video again with the head changed as asked; what is not named stays as it was.

    The full frame, every frame and the sound are kept. Example:

    talkedit edit in.mp4 -o out.mp4 --yaw 8 --eye-openness 0.2
    """
    timeline = Timeline(yaw, pitch, roll, emotion, eye_openness)
    if timeline.is_empty:
        raise ParamsError("nothing to change; give at least one of --yaw --pitch --roll --emotion --eye-openness")
    editor = Editor.load(model)
    _report(editor.edit(source, out, timeline, force=force, accept_damage=force, crf=crf, preset=preset))


@app.command()
def profile(
    name: Annotated[str | None, typer.Argument(help="Which profile; without one they are listed.")] = None,
    params: Annotated[Path, typer.Option(help="The file to change.")] = Path("params.yaml"),
) -> None:
    """Lay a named set of numbers over params.yaml, whose comments stay. `git checkout params.yaml` takes it back.

    talkedit profile paper
    """
    from talkedit.profile import apply_profile, list_profiles  # noqa: PLC0415 (it loads all that has params: seconds)

    if name is None:
        for known, purpose in list_profiles().items():
            print(f"{known}: {purpose}")
        return
    changes = apply_profile(name, params)
    for change in changes:
        print(f"{change.name}: {change.old} -> {change.new}")
    if not changes:
        print(f"{params} has all of the profile {name} already")


@app.command()
def doctor() -> None:
    """Say what is found on this machine, and what each missing thing means. Fetches nothing."""
    Console().print(render(checks()))


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def _report(report: EditReport) -> None:
    print(f"{report.out}: {report.n_edited} of {report.n_frames} frames edited", end="")
    print(", sound copied" if report.has_audio else ", no sound in the input: lips drawn for silence")
    for first, last in report.passed_through:
        print(f"frames {first} to {last}: no usable face, left as they were")
    for sentence in report.forced:
        print(f"forced: {sentence}")
    if report.damage:
        print(f"the input is damaged: {report.damage}")


def main() -> None:
    """Entry point; a TalkeditError is one line on stderr and exit status 1."""
    try:
        app()
    except TalkeditError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

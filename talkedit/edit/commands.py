"""`talkedit edit`, `talkedit faces`, `talkedit timeline` and `talkedit inspect`."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from talkedit.errors import ParamsError
from talkedit.manifest import write_atomically

timeline_commands = typer.Typer(
    no_args_is_help=True,
    help="Look at what a timeline asks for before anything is drawn.",
    rich_markup_mode="rich",
)

DEFAULT_MODEL = Path("models/sample/generator")
STOPPED = 130  # the exit status of what Ctrl-C ended
TAKES = "pose,emotion,blink"

Model = Annotated[Path, typer.Option("-m", "--model", help="The person's model folder.")]
Said = list[str] | None


def edit(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video of the person whose model it is.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="The video to write: .mp4, .mov or .mkv.")],
    model: Model = DEFAULT_MODEL,
    yaw: Annotated[Said, typer.Option(help="Degrees; positive: to the person's own left.")] = None,
    pitch: Annotated[Said, typer.Option(help="Degrees; positive: up.")] = None,
    roll: Annotated[Said, typer.Option(help="Degrees; positive: clockwise as the viewer sees it.")] = None,
    emotion: Annotated[Said, typer.Option(help="Such as happy, or happy=0.7,surprise=0.3.")] = None,
    eye_openness: Annotated[Said, typer.Option(help="0 (closed) to 1 (open).")] = None,
    blink: Annotated[Said, typer.Option(help="When: 2.4, or '2.4 for 0.2' seconds.")] = None,
    timeline: Annotated[Path | None, typer.Option(metavar="FILE", help="A .yaml, .json or .csv timeline.")] = None,
    reference: Annotated[Path | None, typer.Option(metavar="REF", help="A video to take attributes from.")] = None,
    take: Annotated[str | None, typer.Option(help=f"What is taken from it; default: {TAKES}.")] = None,
    align: Annotated[
        str | None, typer.Option(help="By 'time' (default), or 'stretch' the reference to the same length.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(metavar="NEW", help="New speech, which the lips follow.")] = None,
    face: Annotated[int | None, typer.Option(min=1, help="Which of several; 'talkedit faces' shows them.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Go on despite unseen poses, other faces, damage.")] = False,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality; 0 is lossless, 12 looks so.")] = 12,
    preset: Annotated[str, typer.Option(help="The encoder's speed, ultrafast to veryslow.")] = "veryfast",
    codec: Annotated[str, typer.Option(help="h264 or hevc.")] = "h264",
    pixel_format: Annotated[
        str, typer.Option(help="Such as yuv420p or yuv422p10le; 'source' keeps the input's format.")
    ] = "source",
    reencode_audio: Annotated[bool, typer.Option("--reencode-audio", help="As AAC, rather than copied.")] = False,
    report: Annotated[bool, typer.Option(help="Write a .report.html and .report.json beside it.")] = True,
    provenance: Annotated[bool, typer.Option(help="Sign content credentials that say what was done.")] = True,
    certificate: Annotated[Path | None, typer.Option(metavar="PEM", help="Your certificate chain.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="PEM", help="Its private key.")] = None,
    signing_algorithm: Annotated[
        str | None, typer.Option(help="Of the key: es256 (default), es384, ps256, ps384 or ed25519.")
    ] = None,
) -> None:
    """Write a video again with the head changed as asked; what is not named stays as it was.

    A value is 12, or +12 to add, +-12 to take away, x0.5 to multiply, each for all of the video or, as +12@1.5..3, for
    a part of it, whose ends may also be frames (45f) or timecodes; an option may be given several times. Of several
    faces the largest is edited, unless --face names another.

    The full frame, every frame and the sound are kept. Example:

    talkedit edit in.mp4 -o out.mp4 --yaw +8 --eye-openness x0.5@2..3 --blink 2.4 --blink '3.1 for 0.2'
    """
    from talkedit.edit.editor import Editor  # noqa: PLC0415 (torch: seconds)
    from talkedit.edit.provenance import ALGORITHMS, Credentials  # noqa: PLC0415
    from talkedit.edit.reference import ALIGNS  # noqa: PLC0415
    from talkedit.edit.report import write_report  # noqa: PLC0415
    from talkedit.edit.summary import summary  # noqa: PLC0415
    from talkedit.edit.timeline import Timeline  # noqa: PLC0415
    from talkedit.edit.timeline_file import read_timeline  # noqa: PLC0415
    from talkedit.edit.wanted import Reference, Wanted  # noqa: PLC0415
    from talkedit.media.rewrite import Encoding  # noqa: PLC0415

    asked = Timeline(yaw=yaw, pitch=pitch, roll=roll, emotion=emotion, eye_openness=eye_openness, blinks=blink or ())
    if timeline is not None:
        asked = read_timeline(timeline).joined(asked)
    if asked.is_empty and reference is None and audio is None:
        raise ParamsError(
            "nothing to change; give at least one of --yaw --pitch --roll --emotion --eye-openness --blink "
            "--timeline --reference --audio"
        )
    if reference is None and (take or align):
        raise ParamsError("--take and --align say what to do with a reference; give --reference too")
    if not provenance and (certificate or key):
        raise ParamsError("--no-provenance signs nothing; leave out --certificate and --key, or that")
    if key is None and signing_algorithm:
        raise ParamsError("--signing-algorithm says what kind of key --key is; give --certificate and --key too")
    other = reference and Reference(reference, tuple((take or TAKES).replace(" ", "").split(",")), align or ALIGNS[0])
    wanted = Wanted(asked, other, audio, reencode_audio, force=force, accept_damage=force, face=face)
    encoding = Encoding(crf, preset, codec, pixel_format)
    credentials = Credentials(certificate, key, signing_algorithm or ALGORITHMS[0]) if provenance else None
    editor = Editor.load(model)
    with _told_if_stopped(f"{out} was not written; run the same again"):
        done = editor.edit(source, out, wanted, encoding, credentials)
    for sentence in summary(done, knows_whose=editor.model.who is not None):
        print(sentence)
    if report:
        with _told_if_stopped(f"{out} is complete, its report was not written"):
            print(f"report: {write_report(done, editor)}")


def faces(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="PNG", help="The picture (default: IN.faces.png in the current folder)."),
    ] = None,
) -> None:
    """Show who is in a video: when, how large, who speaks where that can be told, and a picture with their numbers.

    talkedit edit --face takes these numbers. Example:

    talkedit faces in.mp4 --out faces.png
    """
    from talkedit.edit.faces import default_picture, draw_faces, sentences  # noqa: PLC0415 (OpenCV, dlib: a second)
    from talkedit.edit.people import find_people, who_speaks  # noqa: PLC0415

    picture = out or default_picture(source)
    check_picture(picture)
    people = find_people(source)
    if not people.tracks:
        print(f"{source}: shows no face from the front")
        return
    for sentence in sentences(people, who_speaks(people)):
        print(sentence)
    write_atomically(picture, draw_faces(people))
    print(f"picture: {picture}")


@timeline_commands.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .yaml, .json or .csv timeline.")],
    source: Annotated[Path, typer.Argument(metavar="IN", help="The video that it is for.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="PNG", help="The picture to write.")],
    model: Model = DEFAULT_MODEL,
) -> None:
    """Draw what is asked for over what the video shows, and warn where that is more than the training footage held.

    talkedit timeline show nod.yaml in.mp4 -o nod.png
    """
    from talkedit.edit.chart import draw_chart  # noqa: PLC0415 (matplotlib and torch: seconds)
    from talkedit.edit.editor import Editor  # noqa: PLC0415
    from talkedit.edit.limits import too_late  # noqa: PLC0415
    from talkedit.edit.timeline_file import read_timeline  # noqa: PLC0415
    from talkedit.edit.wanted import Wanted  # noqa: PLC0415

    check_picture(out)
    timeline = read_timeline(file)
    editor = Editor.load(model)
    plan, warnings = editor.plan(source, Wanted(timeline, force=True, accept_damage=True))
    write_atomically(out, draw_chart(plan, editor.model.ranges))
    print(f"{out}: {int(plan.edited.sum())} of {len(plan.edited)} frames would be edited")
    for sentence in [*warnings, *too_late(timeline, plan.measured.clock)]:
        print(f"warning: {sentence}")


def inspect(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video, edited or not.")],
    as_json: Annotated[bool, typer.Option("--json", help="All of the manifest.")] = False,
) -> None:
    """Show a video's content credentials: what was edited, with what, from which source, and who signed that."""
    from talkedit.edit.provenance import inspect as look  # noqa: PLC0415 (c2pa and torch: seconds)

    found = look(video)
    if found is None:
        print(f"{video}: has no content credentials; that says nothing about whether it was edited")
        return
    if as_json:
        print(json.dumps({"state": found.state, "problems": found.problems, "manifest": found.manifest}, indent=1))
        return
    print(f"{video}: {found.verdict}")
    for name, value in found.details():
        print(f"{name}: {value}")


@contextmanager
def _told_if_stopped(what: str) -> Iterator[None]:
    """Ctrl-C, and a closed window or a scheduler's end, which are taken for it: nothing half written is left."""
    ended_by = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in ended_by}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:  # as under nohup
                signal.signal(number, signal.default_int_handler)
        yield
    except KeyboardInterrupt:
        print(f"stopped: {what}", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_picture(out: Path) -> None:
    """Refuses a picture that cannot be written, before any work is done for it.

    Raises:
        ParamsError: It is not called .png, or its folder does not exist.
    """
    if out.suffix.lower() != ".png" or not out.resolve().parent.is_dir():
        raise ParamsError(f"{out}: give the name of a .png file in a folder that exists")

"""Edits a video in passes over its frames, in memory that does not grow with the video's pictures.

The first pass follows the face and measures pose, emotion and blink; the last draws the head again, as asked, and
puts it back. Every frame keeps its own time: codes and speech are taken at each frame's time stamp, whatever the rate.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from talkedit.edit.draw import draw_frames
from talkedit.edit.limits import beyond_footage
from talkedit.edit.measure import Measured, Measurer, Stretches
from talkedit.edit.plan import Plan, make_plan
from talkedit.edit.provenance import Credentials, Seal, sidecar_of
from talkedit.edit.reference import take_over
from talkedit.edit.renderer import Renderer
from talkedit.edit.speech import listen
from talkedit.edit.stranger import stranger
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Reference, Wanted
from talkedit.errors import MediaError, ModelError
from talkedit.media.ffmpeg import Sound, check_encodes, check_holds
from talkedit.media.rewrite import Encoding, RewriteReport, check_output, rewrite_video
from talkedit.media.video import Frame, Reader
from talkedit.progress import progress_bar
from talkedit.records import Attributes, Floats, Image
from talkedit.train.artifact import TrainedModel, load_model


@dataclass(frozen=True)
class EditReport:
    """What was done to a video.

    Attributes:
        source: The input.
        out: The edited video.
        wanted: What was asked for.
        encoding: How the picture was encoded.
        plan: What was measured, and asked of each frame.
        rewritten: Counts of frames, and what became of the pixel format and of damage.
        seam: Gradient across the border of the mask over the input's, for each frame that was edited; 1 is no seam.
        forced: What was done although the model's footage never showed it, or what is doubtful about the reference.
        sidecar: The file with the content credentials, where the video cannot hold them; None: they are in the video,
            or there are none.
    """

    source: Path
    out: Path
    wanted: Wanted
    encoding: Encoding
    plan: Plan
    rewritten: RewriteReport
    seam: list[float]
    forced: list[str]
    sidecar: Path | None

    @property
    def n_frames(self) -> int:
        """Frames in, and frames out."""
        return self.rewritten.n_frames

    @property
    def n_edited(self) -> int:
        """Frames whose head was drawn again."""
        return self.rewritten.n_edited

    @property
    def passed_through(self) -> Stretches:
        """Stretches of frames without a usable face, (first, last), left as they were."""
        return self.plan.measured.gaps


class Editor:
    """Edits videos of one person.

    Args:
        model: That person's model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self._measurer, self._renderer = Measurer(model), Renderer(model)

    @classmethod
    def load(cls, folder: str | Path) -> "Editor":
        """Loads a model folder; nothing else is needed.

        Raises:
            ModelError: It is no model folder, or a damaged one.
        """
        return cls(load_model(folder))

    def edit(
        self,
        source: str | Path,
        out: str | Path,
        wanted: Timeline | Wanted,
        encoding: Encoding | None = None,
        credentials: Credentials | None = Credentials(),  # noqa: B008 (it is frozen)
    ) -> EditReport:
        """Writes the video again with the head as it is wanted; all else stays as it is.

        Args:
            source: A video of the person, any frame rate, with or without sound.
            out: The file to write; its name only ever holds a complete video.
            wanted: What should change; a timeline alone will do.
            encoding: How the picture is encoded.
            credentials: Who signs the content credentials that say what was done; None: the output has none.

        Raises:
            ParamsError: The timeline contradicts itself or changes no frame, or the certificate cannot be used.
            ModelError: The model takes no such control; or `wanted.force` is off, and its footage never showed what is
                asked for, or this face.
            MediaError: The source cannot be used or is damaged, or the output cannot be written.
        """
        source, out, encoding = Path(source), Path(out), encoding or Encoding()
        wanted = wanted if isinstance(wanted, Wanted) else Wanted(wanted)
        check_output(out, source, *_others(wanted).values())
        if wanted.audio or wanted.reencode_audio:
            check_encodes(wanted.audio or source)
        else:
            check_holds(source, out)
        seal = credentials and Seal(credentials, source, out)
        plan, forced = self.plan(source, wanted)
        if seal:
            seal.describe(self.model, wanted.timeline, _others(wanted))
        seam: list[float] = []
        with progress_bar() as bar:
            task = bar.add_task("editing", total=len(plan.edited), unit="frames", note="")

            def edit(images: Iterator[Image]) -> Iterator[tuple[Image, Floats] | None]:
                for drawn in draw_frames(plan, self._renderer, images):
                    bar.advance(task)
                    if drawn is not None:
                        seam.append(drawn.seam_ratio)
                    yield None if drawn is None else (drawn.image, drawn.mask)

            done = rewrite_video(source, out, edit, encoding, _sound(source, wanted, plan), seal and seal.sign)
        _remove_what_told_of_the_old(out)
        sidecar = seal.write_sidecar() if seal else None
        return EditReport(source, out, wanted, encoding, plan, done, seam, forced, sidecar)

    def frames(self, source: str | Path, wanted: Timeline | Wanted) -> Iterator[Frame]:
        """The edited frames, one after the other, for programs that show or encode them themselves.

        Arguments and errors are those of `edit`, and all errors of the input come before the first frame. Whoever
        encodes them has to label them: there are no content credentials here.
        """
        plan, _ = self.plan(Path(source), wanted if isinstance(wanted, Wanted) else Wanted(wanted))
        waiting: deque[Frame] = deque()  # read, but not drawn yet

        def images() -> Iterator[Image]:
            for frame in Reader(source):
                waiting.append(frame)
                yield frame.image

        def edited() -> Iterator[Frame]:
            for drawn in draw_frames(plan, self._renderer, images()):
                frame = waiting.popleft()
                yield frame if drawn is None else replace(frame, image=drawn.image)

        return edited()

    def plan(self, source: Path, wanted: Wanted) -> tuple[Plan, list[str]]:
        """Measures the source and works out what is asked of each frame.

        Returns:
            The plan, and sentences on what the model's footage never showed of what it asks for, on a stranger's face,
            and on damage of the reference, or several faces in it.

        Raises:
            ParamsError, ModelError, MediaError: As `edit`.
        """
        self._check_codes(wanted)
        speech = listen(source, wanted.audio)
        measured = _whole(source, self.measure(source, wanted.face), wanted)
        base, doubts = self._taken(wanted.reference, measured, wanted) if wanted.reference else (None, [])
        plan = make_plan(measured, wanted.timeline, speech, base)
        footage = self.model.ranges, self.model.params.sources
        beyond = stranger(measured, self.model) + beyond_footage(*plan.part(), *footage)
        _refuse(beyond, wanted.force)
        return plan, beyond + doubts

    def measure(self, source: Path, face: int | None = None, like: Measured | None = None) -> Measured:
        """The first pass: follows the face and measures what can be changed. See `Measurer.measure`."""
        return self._measurer.measure(source, face, like)

    def measure_again(self, report: EditReport) -> Measured | None:
        """The output of an edit, measured as its input was; None if it shows no face, which an edit can hide."""
        try:
            return self.measure(report.out, like=report.plan.measured)
        except MediaError:
            return None

    def _check_codes(self, wanted: Wanted) -> None:
        codes = self.model.params.attributes
        taken = wanted.reference.take if wanted.reference else ()
        if wanted.timeline != wanted.timeline.taken_by(codes) or not set(taken) <= set(codes):
            raise ModelError(
                f"{self.model.folder}: of pose, emotion and blink this model was trained to take "
                f"{' and '.join(codes) or 'none'}; ask for no other, or train one with more of them in model.attributes"
            )

    def _taken(self, reference: Reference, measured: Measured, wanted: Wanted) -> tuple[Attributes, list[str]]:
        """What the timeline changes, and sentences on what was not, or not surely, what is meant of the reference."""
        other = _whole(reference.path, self.measure(reference.path), wanted)
        taken = take_over(
            measured.attributes,
            measured.clock,
            other.attributes,
            other.clock,
            other.found,
            reference.take,
            reference.align,
        )
        said = f"the reference {reference.path.name}"
        damage = [f"{said} is damaged: {other.damage}"] if other.damage else []
        several = [f"{said} shows {other.n_faces} faces; the largest one's was taken"] if other.n_faces > 1 else []
        return taken, damage + several


def report_of(out: Path, suffix: str) -> Path:
    """Where the report on an output lies, as ``.json`` or ``.html``; files that differ but in their suffix share it."""
    return out.with_name(f"{out.stem}.report{suffix}")


def _remove_what_told_of_the_old(out: Path) -> None:
    """Credentials and a report of an earlier file of that name would be held against the new one."""
    sidecar_of(out).unlink(missing_ok=True)
    try:
        told_of = json.loads(report_of(out, ".json").read_bytes())["output"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # no report of ours
    if told_of == out.name:
        for suffix in (".json", ".html"):
            report_of(out, suffix).unlink(missing_ok=True)


def _sound(source: Path, wanted: Wanted, plan: Plan) -> Sound:
    measured = plan.measured
    if wanted.audio is not None:
        return Sound(wanted.audio, "aac", measured.info.start_s, measured.clock.end_s)
    return Sound(source, "aac" if wanted.reencode_audio else "copy")


def _others(wanted: Wanted) -> dict[str, Path]:
    named = {"reference": wanted.reference and wanted.reference.path, "audio": wanted.audio}
    return {name: path for name, path in named.items() if path is not None}


def _whole(video: Path, measured: Measured, wanted: Wanted) -> Measured:
    if measured.damage and not wanted.accept_damage:
        advice = "add --force (in Python: accept_damage=True) to use the frames that are left"
        raise MediaError(video, f"is damaged: {measured.damage}; {advice}")
    return measured


def _refuse(sentences: list[str], force: bool) -> None:
    if sentences and not force:
        raise ModelError(f"{'; '.join(sentences)}; add --force (in Python: force=True) to try all the same")

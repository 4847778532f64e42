"""Edits a video in two passes over its frames, in memory that does not grow with the video's pictures.

The first pass follows the face and measures pose, emotion and blink; the second draws the head again, as asked, and
puts it back. Every frame keeps its own time: codes and speech are taken at each frame's time stamp, whatever the rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from talkedit.edit.renderer import Crops, Renderer, take, take_attributes
from talkedit.edit.timeline import Timeline
from talkedit.errors import ClipRejected, MediaError, ModelError, ParamsError
from talkedit.face.crop import CropParams, plan_crops
from talkedit.face.extract import AttributesParams, build_extractors, extract_attributes
from talkedit.face.geometry import cut
from talkedit.face.head import camera_of, locate_heads, turn_heads
from talkedit.face.paste import match_seam, paste
from talkedit.face.track import FaceTracker
from talkedit.media.audio import MEL_SILENCE, N_MELS, mel_spectrogram, mel_windows, read_audio
from talkedit.media.rewrite import check_output, rewrite_video
from talkedit.media.video import Frame, Reader, read_frames
from talkedit.params import S, parse
from talkedit.progress import progress_bar
from talkedit.records import CLIP_FPS, Attributes, CropTrack, Floats, Image
from talkedit.shards.writer import ShardsParams
from talkedit.train.artifact import CARD_FILE, TrainedModel, load_model

CHUNK_S, OVERLAP_S = 8.0, 1.0  # crops are measured in chunks that overlap, so that smoothing has no seams


@dataclass(frozen=True)
class EditReport:
    """What was done to a video.

    Attributes:
        out: The edited video.
        n_frames: Frames in, and frames out.
        n_edited: Frames whose head was drawn again.
        passed_through: Stretches of frames without a usable face, (first, last), left as they were.
        has_audio: Whether there was sound; without, the lips were drawn for silence.
        forced: What was asked for although the model's footage never showed it.
        damage: What of the input could not be decoded, or None.
        before: Pose, emotion and openness as they were measured in the input.
    """

    out: Path
    n_frames: int
    n_edited: int
    passed_through: list[tuple[int, int]]
    has_audio: bool
    forced: list[str]
    damage: str | None
    before: Attributes


@dataclass(frozen=True)
class Measured:
    """A video after the first pass; T frames.

    Attributes:
        track: Where the head is cut out.
        found: (T,) bool, whether the frame has a face.
        attributes: Pose, emotion, blink, as they are.
        heads: (T, 3, 4), camera_from_head.
        mel: (T, 80, 16), the speech at each frame.
        has_audio: Whether there is sound.
        damage: What could not be decoded, or None.
    """

    track: CropTrack
    found: np.ndarray
    attributes: Attributes
    heads: Floats
    mel: Floats
    has_audio: bool
    damage: str | None


class Editor:
    """Edits videos of one person.

    Args:
        model: That person's model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self._crop = _prepared(model, CropParams)
        self._shards = _prepared(model, ShardsParams)
        self._extractors = build_extractors(_prepared(model, AttributesParams))
        self._tracker = FaceTracker(self._crop.detect_every_n_frames, self._crop.max_gap_s)
        self._renderer = Renderer(model)

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
        timeline: Timeline,
        force: bool = False,
        accept_damage: bool = False,
        crf: int = 14,
        preset: str = "medium",
    ) -> EditReport:
        """Writes the video again with the head as `timeline` asks; all else stays as it is.

        Args:
            source: A video of the person, any frame rate, with or without sound.
            out: The file to write; its name only ever holds a complete video.
            timeline: What should change.
            force: Do what the model's footage never showed.
            accept_damage: Of a damaged source, edit the frames that can be decoded.
            crf: H.264 quality, 0 (lossless) to 51.
            preset: x264's speed.

        Raises:
            ParamsError: There is no such preset.
            ModelError: The model takes no such control; or its footage never showed what is asked for, and `force` is
                off.
            MediaError: The source cannot be used or is damaged, or the output cannot be written.
        """
        source, out = Path(source), Path(out)
        check_output(source, out, preset)
        codes = self.model.params.attributes
        if timeline != timeline.taken_by(codes):
            raise ModelError(
                f"{self.model.folder}: of pose, emotion and blink this model was trained to take "
                f"{' and '.join(codes) or 'none'}; ask for no other, or train one with more of them in model.attributes"
            )
        forced = timeline.never_shown(self.model.ranges, self.model.params.sources)
        if forced and not force:
            raise ModelError(f"{'; '.join(forced)}; add --force to try all the same")
        measured = self.measure(source)
        if measured.damage and not accept_damage:
            raise MediaError(source, f"is damaged: {measured.damage}; add --force to edit the frames that are left")
        asked = timeline.apply(measured.attributes)
        asked_heads = turn_heads(measured.heads, asked.pose_deg)
        camera = camera_of(measured.track.frame_size_px)[None]
        mask = self._renderer.paste_mask(measured.track.size_px)

        with progress_bar() as bar:
            task = bar.add_task("editing", total=len(measured.found), unit="frames", note="")

            def edit_frame(index: int, image: Image) -> tuple[Image, Floats] | None:
                bar.advance(task)
                if index >= len(measured.found) or not measured.found[index]:
                    return None
                one = slice(index, index + 1)
                transform = measured.track.frame_from_crop[index]
                crop = cut(image, transform, measured.track.size_px)
                shares = ((measured.track.landmarks_px[one] + 0.5) / measured.track.size_px).astype(np.float32)
                openness = measured.attributes.eye_openness[one]
                crops = Crops(crop[None], measured.heads[one], camera, transform[None], shares, openness)
                drawn = self._renderer.draw(
                    crops, asked_heads[one], crops, measured.mel[one], take_attributes(asked, one), crops.opening
                )[0]
                return paste(image, match_seam(drawn, crop, mask), mask, transform)

            report = rewrite_video(source, out, edit_frame, crf=crf, preset=preset)
        gaps = stretches(~measured.found)
        return EditReport(
            out=out,
            n_frames=report.n_frames,
            n_edited=report.n_edited,
            passed_through=gaps,
            has_audio=measured.has_audio,
            forced=forced,
            damage=report.damage,
            before=measured.attributes,
        )

    def measure(self, source: Path) -> Measured:
        """The first pass: follows the face and measures what can be changed.

        Raises:
            MediaError: The source cannot be read, or shows no usable face.
        """
        reader = Reader(source)
        info = reader.info
        fps = float(info.average_fps)
        times_s: list[float] = []
        with progress_bar() as bar:
            task = bar.add_task("following the face", total=None, unit="frames", note="")

            def images() -> Iterator[Image]:
                for frame in reader:
                    times_s.append(float(frame.time_s))
                    bar.advance(task)
                    yield frame.image

            face = self._tracker.track(images(), (info.width_px, info.height_px), fps)
        try:
            # Frames without a face are passed through here, so few faces are no reason to refuse a video.
            track = plan_crops(face, fps, self._crop.model_copy(update={"min_found_share": 1e-9}))
        except ClipRejected as error:
            raise MediaError(source, error.detail) from error
        attributes = self._measure_attributes(source, track, fps)
        heads = locate_heads(track, attributes.pose_deg, self._shards.position_smooth_s * fps)
        audio = read_audio(source)
        mel = np.full((N_MELS, 1), MEL_SILENCE, np.float32) if audio is None else mel_spectrogram(audio)
        # Training hears the speech around the middle of a frame's time at 25 fps; here each frame's own time counts.
        windows = mel_windows(mel, np.asarray(times_s) + 0.5 / float(CLIP_FPS))
        return Measured(track, face.found, attributes, heads, windows, audio is not None, reader.damage)

    def _measure_attributes(self, source: Path, track: CropTrack, fps: float) -> Attributes:
        chunk, overlap = max(round(CHUNK_S * fps), 1), round(OVERLAP_S * fps)
        frames, n_total = read_frames(source), len(track.landmarks_px)
        held: list[Image] = []
        parts: list[Attributes] = []
        first_held = 0
        for start in range(0, n_total, chunk):
            stop = min(start + chunk, n_total)
            wanted = min(stop + overlap, n_total) - (first_held + len(held))
            held += self._cut(islice(frames, wanted), track, first_held + len(held))
            window = slice(first_held, first_held + len(held))
            found = extract_attributes(np.stack(held), take(track, window), fps, self._extractors)
            parts.append(take_attributes(found, slice(start - first_held, stop - first_held)))
            keep_from = max(stop - overlap, 0)
            held, first_held = held[keep_from - first_held :], keep_from
        return Attributes(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("pose_deg", "emotion", "eye_openness")
            )
        )

    @staticmethod
    def _cut(frames: Iterator[Frame], track: CropTrack, first: int) -> list[Image]:
        return [
            cut(frame.image, track.frame_from_crop[first + offset], track.size_px)
            for offset, frame in enumerate(frames)
        ]


def _prepared(model: TrainedModel, schema: type[S]) -> S:
    """The section under which the model's footage was prepared, which an edit has to do in the same way."""
    try:
        return parse(schema, model.preparation[schema.section], str(model.folder))
    except (KeyError, ParamsError) as error:
        raise ModelError(f"{model.folder / CARD_FILE}: is damaged ({error}); train the model again") from error


def stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """The runs of true values, (first, last) each: ``[0, 1, 1, 0, 1]`` gives ``[(1, 2), (4, 4)]``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]

"""Edits a video in a stream: what is not edited stays the decoder's, sample for sample, until it is encoded."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import OutputContainer

from talkedit.errors import MediaError, ParamsError
from talkedit.media.ahead import ahead
from talkedit.media.decode import Decoder, check_name, rgb
from talkedit.media.ffmpeg import CONTAINERS, Sound, mux_audio
from talkedit.media.planes import (
    FORMATS,
    Planes,
    compose,
    format_of,
    from_planes,
    held_upright,
    to_format,
    upright_planes,
)
from talkedit.media.video import VideoInfo, probe, unwritable
from talkedit.records import Floats, Image

Edited = tuple[Image, Floats]
Edit = Callable[[Iterator[Image]], Iterator[Edited | None]]

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
CODECS = {"h264": "libx264", "hevc": "libx265"}
AS_SOURCE = "source"
N_WAITING = 4  # frames that are decoded before they are edited, and as many edited before they are encoded


@dataclass(frozen=True)
class Encoding:
    """How the picture is encoded; as it stands, nobody sees a difference.

    Attributes:
        crf: Quality, 0 (lossless) to 51.
        preset: The encoder's speed, one of `PRESETS`.
        codec: h264 or hevc.
        pixel_format: One of `FORMATS`, or ``source``: the source's own, so that its samples stay. Where neither codec
            can hold that (RGB, grey, interleaved, more than 12 bits), 8 bit 4:2:0.
    """

    # On the sample 49.7 dB in 485 kB; crf 14 with x264's own medium, 49.9 dB in 413 kB, takes 2.5 times the time.
    crf: int = 12
    preset: str = "veryfast"
    codec: str = "h264"
    pixel_format: str = AS_SOURCE

    def __post_init__(self) -> None:
        known = {"preset": PRESETS, "codec": tuple(CODECS), "pixel_format": (AS_SOURCE, *FORMATS)}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ParamsError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)!r}: give one of {', '.join(choices)}"
                )
        if not 0 <= self.crf <= 51:
            raise ParamsError(f"crf is {self.crf}: give 0 (lossless) to 51")
        if self.codec == "h264" and self.pixel_format.endswith("12le"):
            raise ParamsError(f"pixel format {self.pixel_format}: h264 has no 12 bits here; give --codec hevc")

    def format_for(self, frame: av.VideoFrame) -> str:
        """The pixel format in which a source whose first frame this is gets encoded."""
        name = format_of(frame) if self.pixel_format == AS_SOURCE else held_upright(self.pixel_format, frame)
        return name.replace("12le", "10le") if self.codec == "h264" else name

    def options(self) -> dict[str, str]:
        """What the encoder is told."""
        # Without B frames (5% larger on the sample) packets lie in the order of the frames, so that the time of each
        # and the length of the last come out as they went in, whatever the container.
        lossless = self.crf == 0
        if self.codec == "hevc":
            params = "bframes=0:log-level=none" + (":lossless=1" if lossless else "")
            return {"crf": str(self.crf), "preset": self.preset, "x265-params": params}
        quality = {"qp": "0"} if lossless else {"crf": str(self.crf)}  # of 10 bits, a crf of 0 loses some
        return {**quality, "preset": self.preset, "bf": "0"}


@dataclass(frozen=True)
class RewriteReport:
    """What was done.

    Attributes:
        n_frames: Frames in, and frames out.
        n_edited: Frames that the edit changed.
        has_audio: Whether there is sound in the output.
        damage: What of the source could not be decoded, or None.
        pixel_format: Of the output.
        exact: Whether the source's samples went to the encoder as they were, without a conversion.
        interlaced: Whether the source has frames of two fields each; the output says of none that it has.
    """

    n_frames: int
    n_edited: int
    has_audio: bool
    damage: str | None
    pixel_format: str
    exact: bool
    interlaced: bool


def rewrite_video(
    source: str | Path,
    out: str | Path,
    edit: Edit,
    encoding: Encoding | None = None,
    sound: Sound | None = None,
    seal: Callable[[Path], None] | None = None,
) -> RewriteReport:
    """Passes every frame through `edit` and writes the result, with the source's times, colours and sound.

    The picture is composed in YUV, in the source's own format where the codec can hold it. A luma sample outside the
    mask, and a chroma sample none of whose pixels is in the mask, is byte for byte what the decoder gave; the one loss
    left is the encoder's, which `encoding` sets. The result is upright, without a rotation tag. An odd picture gets its
    last row or column twice. Audio packets are copied. The output's clock begins at 0. Memory does not grow with the
    length of the video: decoding, editing and encoding run beside each other, a few frames apart.

    Args:
        source: The video to read.
        out: The file to write, .mp4, .mov or .mkv; its name only ever holds a complete video. Matroska rounds time
            stamps to milliseconds, the others keep them exactly.
        edit: Run in a thread of its own. Takes the upright images, (H, W, 3) uint8 RGB, one after the other, as many
            ahead as it likes, and gives for each in turn: None to leave the frame as it is, or the edited image and a
            mask, (H, W) float32; where that is above 0, the edited image is taken.
        encoding: How the picture is encoded.
        sound: Which sound the output gets; the source's if not given.
        seal: Is given the complete file, before it gets its name, and may change it.

    Raises:
        MediaError: The source cannot be read, or the output cannot be written.
    """
    source, out = Path(source), Path(out)
    info = probe(source)
    check_output(out, source)
    place = out.resolve()  # what a link leads to
    part, whole = (place.with_name(f".{out.stem}.{os.getpid()}.{name}{out.suffix}") for name in ("part", "whole"))
    rewriter = _Rewriter(info, edit, encoding or Encoding())
    try:
        rewriter.encode(part)
        mux_audio(part, sound or Sound(source), whole, out, info.start_s)
        part.unlink()
        if seal is not None:
            seal(whole)
        whole.replace(place)
    except OSError as error:
        raise unwritable(out, error) from error
    except av.error.FFmpegError as error:
        raise MediaError(out, f"cannot be encoded ({error.strerror}); check crf") from error
    finally:
        part.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
    return rewriter.report(info.has_audio or (sound is not None and sound.path != source))


def check_output(out: Path, *sources: Path) -> None:
    """Refuses an output that cannot be written, before any work is done for it.

    Args:
        out: The output.
        *sources: All that is read for it.

    Raises:
        MediaError: Its name is no text, its container is not known, its folder does not exist or cannot be written to,
            or it is a folder or an input itself.
    """
    check_name(out)
    if out.suffix.lower() not in CONTAINERS:
        raise MediaError(out, f"its name must end in one of {', '.join(CONTAINERS)}")
    if not out.resolve().parent.is_dir():
        raise MediaError(out, "its folder does not exist; make it first")
    if out.is_dir():
        raise MediaError(out, "is a folder; name a file in it")
    if not os.access(out.resolve().parent, os.W_OK):
        raise MediaError(out, "its folder cannot be written to; choose another one")
    if out.exists() and any(source.exists() and out.samefile(source) for source in sources):
        raise MediaError(out, "is one of the inputs itself; name another output")


def _mux(container: OutputContainer, packets: list[av.Packet], durations: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = durations.pop(packet.pts or 0, 0)
        container.mux_one(packet)


class _Rewriter:
    def __init__(self, info: VideoInfo, edit: Edit, encoding: Encoding) -> None:
        self.info, self.edit, self.encoding = info, edit, encoding
        self.n_frames = self.n_edited = 0
        self.damage: str | None = None
        self.pixel_format = ""
        self.exact, self.interlaced = True, False

    def report(self, has_audio: bool) -> RewriteReport:
        return RewriteReport(
            self.n_frames, self.n_edited, has_audio, self.damage, self.pixel_format, self.exact, self.interlaced
        )

    def encode(self, part: Path) -> None:
        base, options = self.info.time_base, self.encoding.options()
        muxer = {} if part.suffix.lower() == ".mkv" else {"video_track_timescale": str(base.denominator)}
        with av.open(str(part.resolve()), "w", options=muxer) as container:
            codec, fps = CODECS[self.encoding.codec], self.info.average_fps
            stream = cast(av.VideoStream, container.add_stream(codec, rate=fps, options=options))
            durations: dict[int, int] = {}  # of the few frames that are inside the encoder, which forgets it
            first = round(self.info.start_s / base)  # a broadcast's clock may be hours on, or below 0 where it wraps
            with ahead(self._edited(), N_WAITING) as edited:
                for number, (pts, duration, planes, original) in enumerate(edited):
                    frame = from_planes(planes, like=original)
                    if number == 0:
                        _open_encoder(stream, frame, self.info)
                    frame.pts, frame.time_base, durations[pts - first] = pts - first, base, duration
                    _mux(container, stream.encode(frame), durations)
            _mux(container, stream.encode(), durations)

    def _edited(self) -> Generator[tuple[int, int, Planes, av.VideoFrame]]:
        taken: deque[tuple[int, int, Planes, av.VideoFrame]] = deque()  # by the edit, which still has them
        with ahead(self._decoded(), N_WAITING) as decoded:

            def images() -> Iterator[Image]:
                for pts, duration, original, planes, image in decoded:
                    taken.append((pts, duration, planes, original))
                    self.n_frames += 1
                    yield image

            frames = images()
            for done in self.edit(frames):
                pts, duration, planes, original = taken.popleft()
                if done is not None:
                    planes = compose(planes, *done, like=original)
                    self.n_edited += 1
                yield pts, duration, planes, original
            if taken or next(frames, None) is not None:
                raise RuntimeError("an edit has to give something for every frame, and gave less")

    def _decoded(self) -> Generator[tuple[int, int, av.VideoFrame, Planes, Image]]:
        decoder = Decoder(self.info.path)
        nominal = max(1, round(1 / self.info.average_fps / self.info.time_base))
        for pts, frame in decoder.frames():
            self.pixel_format = self.pixel_format or self.encoding.format_for(frame)
            original = to_format(frame, self.pixel_format, self.info.path)
            self.exact &= original is frame
            self.interlaced |= frame.interlaced_frame
            yield pts, frame.duration or nominal, original, upright_planes(original), rgb(frame, self.info.path)
        self.damage = decoder.damage


def _open_encoder(stream: av.VideoStream, first: av.VideoFrame, info: VideoInfo) -> None:
    codec = stream.codec_context
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
    codec.time_base = stream.time_base = info.time_base
    codec.sample_aspect_ratio = info.pixel_aspect
    codec.color_range, codec.colorspace = first.color_range, first.colorspace
    codec.color_primaries, codec.color_trc = first.color_primaries, first.color_trc

"""Edits a video in a stream: what is not edited stays the decoder's, sample for sample, until it is encoded."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from talkedit.errors import MediaError, ParamsError
from talkedit.media.decode import Decoder, rgb, upright
from talkedit.media.ffmpeg import CONTAINERS, mux_audio
from talkedit.media.video import VideoInfo, probe, unwritable
from talkedit.records import Floats, Image

Edit = Callable[[int, Image], tuple[Image, Floats] | None]
Planes = tuple[Image, Image, Image]  # Y (H, W), U and V (H/2, W/2), H and W even

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")

_FULL_RANGE = 2


@dataclass(frozen=True)
class RewriteReport:
    """What was done.

    Attributes:
        n_frames: Frames in, and frames out.
        n_edited: Frames that the edit changed.
        has_audio: Whether there was sound to copy.
        damage: What of the source could not be decoded, or None.
    """

    n_frames: int
    n_edited: int
    has_audio: bool
    damage: str | None


def rewrite_video(
    source: str | Path, out: str | Path, edit: Edit, crf: int = 14, preset: str = "medium"
) -> RewriteReport:
    """Passes every frame through `edit` and writes the result, with the source's time stamps, colours and sound.

    The picture is composed in YUV 4:2:0. A luma sample outside the mask, and a chroma sample none of whose pixels is
    in the mask, is byte for byte what the decoder gave; the one loss left is the encoder's, which `crf` sets. Other
    pixel formats (10 bit, 4:4:4, RGB) are converted to 8 bit 4:2:0 first. The result is upright, without a rotation
    tag. H.264 in 4:2:0 has no odd sizes: an odd picture gets its last row or column twice. Audio packets are copied.
    Memory does not grow with the length of the video.

    Args:
        source: The video to read.
        out: The file to write, .mp4, .mov or .mkv; its name only ever holds a complete video. Matroska rounds time
            stamps to milliseconds, the others keep them exactly.
        edit: Gets the frame's number and the upright image, (H, W, 3) uint8 RGB. Returns None to leave the frame as
            it is, or the edited image and a mask, (H, W) float32: where it is above 0, the edited image is taken.
        crf: H.264 quality, 0 (lossless) to 51.
        preset: x264's speed, one of `PRESETS`.

    Raises:
        ParamsError: There is no such preset.
        MediaError: The source cannot be read, or the output cannot be written.
    """
    source, out = Path(source), Path(out)
    info = probe(source)
    check_output(source, out, preset)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    rewriter = _Rewriter(info, edit)
    try:
        rewriter.encode(part, {"crf": str(crf), "preset": preset})
        mux_audio(part, source, out)
    except OSError as error:
        raise unwritable(out, error) from error
    except av.error.FFmpegError as error:
        raise MediaError(out, f"cannot be encoded ({error.strerror}); check crf") from error
    finally:
        part.unlink(missing_ok=True)
    return RewriteReport(rewriter.n_frames, rewriter.n_edited, info.has_audio, rewriter.damage)


def _mux(container: OutputContainer, packets: list[av.Packet], durations: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = durations.pop(packet.pts or 0, 0)
        container.mux_one(packet)


def check_output(source: Path, out: Path, preset: str) -> None:
    """Refuses an output that cannot be written, before any work is done for it.

    Raises:
        ParamsError: There is no such preset.
        MediaError: Its container is not known, its folder does not exist, or it is the input itself.
    """
    if preset not in PRESETS:
        raise ParamsError(f"preset is {preset!r}: give one of {', '.join(PRESETS)}")
    if out.suffix.lower() not in CONTAINERS:
        raise MediaError(out, f"its name must end in one of {', '.join(CONTAINERS)}")
    if not out.resolve().parent.is_dir():
        raise MediaError(out, "its folder does not exist; make it first")
    if out.exists() and source.exists() and out.samefile(source):
        raise MediaError(out, "is the input itself; name another output")


class _Rewriter:
    def __init__(self, info: VideoInfo, edit: Edit) -> None:
        self.info, self.edit = info, edit
        self.n_frames = self.n_edited = 0
        self.damage: str | None = None

    def encode(self, part: Path, options: dict[str, str]) -> None:
        base = self.info.time_base
        # Without B frames (5% larger on the sample) packets lie in the order of the frames, so that the time of each
        # and the length of the last come out as they went in, whatever the container.
        options = {**options, "bf": "0"}
        muxer = {} if part.suffix.lower() == ".mkv" else {"video_track_timescale": str(base.denominator)}
        with av.open(str(part.resolve()), "w", options=muxer) as container:
            stream = container.add_stream("libx264", rate=self.info.average_fps, options=options)
            durations: dict[int, int] = {}  # of the few frames that are inside the encoder, which forgets it
            for pts, duration, frame in self._edited_frames():
                if self.n_frames == 1:
                    _open_encoder(stream, frame, self.info)
                frame.pts, frame.time_base, durations[pts] = pts, base, duration
                _mux(container, stream.encode(frame), durations)
            _mux(container, stream.encode(), durations)

    def _edited_frames(self) -> Iterator[tuple[int, int, av.VideoFrame]]:
        decoder = Decoder(self.info.path)
        nominal = max(1, round(1 / self.info.average_fps / self.info.time_base))
        for pts, frame in decoder.frames():
            duration = frame.duration or nominal
            original = to_yuv420p(frame, self.info.path)
            planes = upright_planes(original)
            done = self.edit(self.n_frames, rgb(frame, self.info.path))
            if done is not None:
                planes = compose(planes, *done, like=original)
                self.n_edited += 1
            self.n_frames += 1
            yield pts, duration, _from_planes(planes, like=original)
        self.damage = decoder.damage


def to_yuv420p(frame: av.VideoFrame, path: Path) -> av.VideoFrame:
    """The frame in 8 bit 4:2:0, itself if it is that already."""
    if frame.format.name in ("yuv420p", "yuvj420p"):
        return frame
    try:
        if frame.format.is_rgb:
            return frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
        return frame.reformat(format="yuv420p", dst_color_range="JPEG" if full else "MPEG")
    except av.error.FFmpegError as error:
        raise MediaError(path, f"its colours cannot be converted to yuv420p ({error.strerror})") from error


def upright_planes(frame: av.VideoFrame) -> Planes:
    """Copies of the three planes, turned upright, luma padded to an even size by its last row and column.

    In an odd picture that is turned, chroma ends up at most one pixel from where it was.
    """
    y, u, v = (upright(_samples(plane), frame.rotation) for plane in frame.planes)
    return _even(y), u, v


def compose(planes: Planes, edited: Image, mask: Floats, like: av.VideoFrame) -> Planes:
    """Takes the samples under the mask from the edited picture and all others from `planes`.

    Args:
        planes: The decoder's.
        edited: (H, W, 3) uint8 RGB.
        mask: (H, W) float32; above 0 is inside.
        like: The frame whose colour matrix and range the planes are in.
    """
    chosen = _even(mask > 0)
    of_chroma = chosen.reshape(chosen.shape[0] // 2, 2, chosen.shape[1] // 2, 2).any(axis=(1, 3))
    new = _yuv_from_rgb(_even(edited), like)
    y, u, v = (np.where(m, a, b) for m, a, b in zip((chosen, of_chroma, of_chroma), new, planes, strict=True))
    return y, u, v


def _yuv_from_rgb(image: Image, like: av.VideoFrame) -> Planes:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    range_name = "JPEG" if _is_full_range(like) else "MPEG"
    frame = frame.reformat(format="yuv420p", dst_colorspace=like.colorspace, dst_color_range=range_name)
    y, u, v = (_samples(plane) for plane in frame.planes)
    return y, u, v


def _even(plane: NDArray) -> NDArray:
    pads = [(0, plane.shape[0] % 2), (0, plane.shape[1] % 2)] + [(0, 0)] * (plane.ndim - 2)
    return np.pad(plane, pads, mode="edge") if plane.shape[0] % 2 or plane.shape[1] % 2 else plane


def _samples(plane: VideoPlane) -> Image:
    return np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _from_planes(planes: Planes, like: av.VideoFrame) -> av.VideoFrame:
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, samples in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = samples
        plane.update(padded.tobytes())
    frame.colorspace, frame.color_primaries, frame.color_trc = like.colorspace, like.color_primaries, like.color_trc
    frame.color_range = _FULL_RANGE if _is_full_range(like) else like.color_range
    return frame


def _is_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


def _open_encoder(stream: av.VideoStream, first: av.VideoFrame, info: VideoInfo) -> None:
    codec = stream.codec_context
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    codec.time_base = stream.time_base = info.time_base
    codec.sample_aspect_ratio = info.pixel_aspect
    codec.color_range, codec.colorspace = first.color_range, first.colorspace
    codec.color_primaries, codec.color_trc = first.color_primaries, first.color_trc

"""Video as frames with exact time stamps.

All times count from the first frame of the video stream, which is at 0, and are fractions of integers. The picture is
upright: a rotation tag is applied. Nothing here holds more than a few frames.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from talkedit.errors import MediaError
from talkedit.media.decode import MATROSKA, Decoder, lies_on_its_side, open_media, rgb, time_base_of, video_stream
from talkedit.records import Image

# The number of threads decides x264's result. Its tree of macroblocks, with B frames and on AVX-512, does too: the same
# crops gave up to 49 different files in 80 runs at 48 px, and several at 96, 192 or 338 px. Without CABAC and
# deblocking, decoding takes half the time: 0.21 for 0.39 ms a frame of 256 px. What is kept for the eye's sake is left
# out (psy, aq-mode), and blocks are not divided: GRID's crops at crf 14 are 3.6 MB a minute at 48.6 dB and decoded in
# 0.16 ms; with all that, at crf 10, they were 9.2 MB at 51.1 dB and 0.29 ms.
_X264_PARAMS = "scenecut=0:mbtree=0:psy=0:aq-mode=0:partitions=none:ref=1"
X264 = {"threads": "1", "tune": "fastdecode", "x264-params": _X264_PARAMS}
N_TIMED, RATE_TOLERANCE = 250, 0.05  # so many frames tell the rate; a header that is no further off is believed
TIME_TOLERANCE_S = Fraction(1, 2000)  # some containers round time stamps to milliseconds


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is, without decoding more than its first frame.

    Attributes:
        path: The file.
        width_px: Width of the upright picture.
        height_px: Height of the upright picture.
        time_base: Seconds per unit of the stream's time stamps.
        average_fps: Frames a second over the whole file; a variable rate has no other. Of Matroska, whose header may
            say nothing or anything, over the first seconds, where that is something else.
        start_s: When the first frame is shown, on the clock that the file's streams share.
        duration_s: Length as the file's header has it; None if it does not say.
        has_audio: Whether there is an audio stream.
        codec: Name of the video codec.
        rotation_deg: The rotation tag: how far the stored picture is turned counterclockwise to be upright.
        pixel_format: As ffmpeg names it.
        pixel_aspect: Width over height of a pixel of the upright picture; 1 but for anamorphic video.
    """

    path: Path
    width_px: int
    height_px: int
    time_base: Fraction
    average_fps: Fraction
    start_s: Fraction
    duration_s: Fraction | None
    rotation_deg: int
    has_audio: bool
    codec: str
    pixel_format: str
    pixel_aspect: Fraction


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        pts: Time stamp in units of `time_base`; the first frame of a file has 0.
        time_base: Seconds per unit.
        image: (H, W, 3) uint8 RGB, upright.
    """

    pts: int
    time_base: Fraction
    image: Image

    @property
    def time_s(self) -> Fraction:
        """When the frame is shown, counted from the first frame."""
        return self.pts * self.time_base


def probe(path: str | Path) -> VideoInfo:
    """Looks at a video file.

    Raises:
        MediaError: There is no such file, it is not a video, or its first frame cannot be decoded.
    """
    path = Path(path)
    with closing(Decoder(path).frames()) as frames:
        first_pts, first = next(frames)
    with open_media(path) as container:
        stream = video_stream(container, path)
        base = time_base_of(stream)
        start_s = first_pts * base
        aspect = stream.sample_aspect_ratio or Fraction(1)
        turned = lies_on_its_side(first)
        return VideoInfo(
            path=path,
            width_px=first.height if turned else first.width,
            height_px=first.width if turned else first.height,
            time_base=base,
            average_fps=_average_fps(container, stream),
            start_s=start_s,
            duration_s=_header_duration_s(stream.duration, base, container.duration, start_s),
            rotation_deg=first.rotation,
            has_audio=bool(container.streams.audio),
            codec=stream.codec_context.name,
            pixel_format=first.format.name,
            pixel_aspect=1 / aspect if turned else aspect,
        )


def _average_fps(container: InputContainer, stream: VideoStream) -> Fraction:
    said = stream.average_rate or stream.guessed_rate or 1 / time_base_of(stream)
    if container.format.name != MATROSKA:
        return said
    packets = islice(container.demux(stream), N_TIMED)
    stamps = sorted(packet.pts for packet in packets if packet.size and packet.pts is not None)
    if len(stamps) < 2 or stamps[-1] == stamps[0]:
        return said
    timed = (len(stamps) - 1) / ((stamps[-1] - stamps[0]) * time_base_of(stream))
    return said if abs(said / timed - 1) < RATE_TOLERANCE else timed.limit_denominator(1001)


def _header_duration_s(
    stream: int | None, base: Fraction, container_us: int | None, start_s: Fraction
) -> Fraction | None:
    if stream:
        return stream * base
    return Fraction(container_us, av.time_base) - start_s if container_us else None


def measure_duration_s(path: str | Path) -> Fraction:
    """Where the last frame that is really there ends: reads the whole file, decodes one frame.

    A header may promise more, as in a download that was cut off.

    Raises:
        MediaError: As `probe`.
    """
    info = probe(path)
    end = 0
    with open_media(info.path) as container:
        stream = video_stream(container, info.path)
        nominal = max(1, round(1 / info.average_fps / info.time_base))
        packets = container.demux(stream)
        try:
            for packet in packets:
                stamp = packet.pts if packet.pts is not None else packet.dts
                if packet.size and stamp is not None and not packet.is_corrupt:
                    end = max(end, stamp + (packet.duration or nominal))
        except av.error.FFmpegError:
            pass  # what lies behind the damage is not there
    return max(end * info.time_base - info.start_s, Fraction(0))


class Reader:
    """The frames of a video, one after the other, in flat memory.

    A damaged file gives what can be decoded; `damage` says what was wrong once the last frame was read.

    Args:
        path: The file.

    Raises:
        MediaError: As `probe`.
    """

    def __init__(self, path: str | Path) -> None:
        self.info = probe(path)
        self._decoder = Decoder(self.info.path)

    @property
    def damage(self) -> str | None:
        """What could not be decoded so far, or None."""
        return self._decoder.damage

    def __iter__(self) -> Iterator[Frame]:
        first = None
        for pts, frame in self._decoder.frames():
            first = pts if first is None else first
            yield Frame(pts - first, self.info.time_base, rgb(frame, self.info.path))


def read_frames(path: str | Path) -> Iterator[Frame]:
    """All frames of a video, to the last. See `Reader`, which also tells of damage."""
    return iter(Reader(path))


def read_frames_at(path: str | Path, times_s: Iterable[Fraction]) -> Iterator[Image]:
    """The frame that is on the screen at each of some times: the latest that began by then.

    The file is decoded once, from shortly before the first time; frames nobody asked for are not converted. A time
    before the first frame gives the first, a time after the end the last.

    Args:
        path: The video.
        times_s: Ascending, counted from the first frame of the video. Each is taken when its image is.

    Yields:
        As many images as there are times, (H, W, 3) uint8 RGB, upright.

    Raises:
        MediaError: As `probe`.
        ValueError: The times do not ascend.
    """
    info, times = probe(path), iter(times_s)
    first_s = next(times, None)
    if first_s is None:
        return
    stamped = _from(info, first_s)
    (_, shown), image, following = next(stamped), None, next(stamped, None)
    for previous_s, wanted_s in pairwise(chain([first_s] * 2, times)):
        if wanted_s < previous_s:
            raise ValueError(f"times must ascend, but {wanted_s} follows {previous_s}")
        while following is not None and following[0] <= wanted_s + TIME_TOLERANCE_S:
            shown, image = following[1], None
            following = next(stamped, None)
        image = rgb(shown, info.path) if image is None else image
        yield image


def _from(info: VideoInfo, first_s: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """(Time from the first frame, frame) from some key frame before `first_s`, or from the start, to the end."""

    def since_start_s(pts: int) -> Fraction:
        return pts * info.time_base - info.start_s

    if first_s > 0:
        frames = Decoder(info.path).frames(near_s=first_s + info.start_s)
        found = next(frames, None)
        if found is not None and since_start_s(found[0]) <= first_s:
            yield from ((since_start_s(pts), frame) for pts, frame in chain([found], frames))
            return
    yield from ((since_start_s(pts), frame) for pts, frame in Decoder(info.path).frames())


def write_video(path: str | Path, frames: Iterable[Image], fps: Fraction, crf: int) -> None:
    """Writes images as H.264, yuv420p, BT.709, a key frame every second; the same images give the same bytes.

    Args:
        path: The .mp4 file; its name only ever holds a complete video.
        frames: (H, W, 3) uint8 RGB, all of one size, H and W even.
        fps: Frames a second, exact.
        crf: Quality, 0 (lossless but for the conversion to YUV) to 51; 10 to 18 is visually lossless.

    Raises:
        MediaError: There is no frame, a size is odd or changes, or the disk is full.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        _encode(part, path, frames, fps, crf)
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> MediaError:
    """What to say where a file cannot be written."""
    advice = "free some space" if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) else "check the folder"
    return MediaError(path, f"cannot be written ({error.strerror}); {advice} and run it again; nothing was changed")


def _encode(part: Path, path: Path, frames: Iterable[Image], fps: Fraction, crf: int) -> None:
    size = None
    with av.open(str(part.resolve()), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "g": str(round(fps) or 1), **X264})
        for image in frames:
            if size is None:
                size = image.shape
                stream.height, stream.width, stream.pix_fmt = *size[:2], "yuv420p"
                _tag_bt709(stream.codec_context)
            if image.shape != size or size[0] % 2 or size[1] % 2:
                raise MediaError(path, f"frames must be of one even size, but one is {image.shape}, the first {size}")
            container.mux(stream.encode(_bt709(image)))
        if size is None:
            raise MediaError(path, "there is no frame to write")
        container.mux(stream.encode())


def _bt709(image: Image) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


def _tag_bt709(codec: av.VideoCodecContext) -> None:
    codec.colorspace = codec.color_primaries = codec.color_trc = 1
    codec.color_range = 1

"""Decodes one stream of a file, front to back, and goes on past damage."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from talkedit.errors import MediaError
from talkedit.records import Image

_MP4, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
# These containers carry an exact time stamp for every frame, so that decoding may begin in their middle.
_SEEKABLE = {_MP4, MATROSKA}
_SEEK_MARGIN_S = 2
LEAST_RESTART_S = 1  # a time stamp that lies so much further back is of another clock
# Formats that name other files to be opened, wherever these lie: a file that was fetched must not.
_LISTS = {"hls", "concat", "dash", "imf"}
_UNSAID = {"color_range": 0, "colorspace": 2, "color_primaries": 2, "color_trc": 2}


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Opens a file to read.

    Raises:
        MediaError: There is no such file, or it is not video or sound.
    """
    if not path.exists():
        raise MediaError(path, "there is no such file; check the path")
    check_name(path)
    try:
        # An absolute path, which ffmpeg cannot take for a protocol.
        container = av.open(str(path.resolve()), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise MediaError(path, f"is not a video that can be read ({error.strerror}); give another file") from error
    with container:
        if container.format.name == "tty" or container.format.name.endswith(("_pipe", "image2")):
            raise MediaError(path, f"is text or a picture ({container.format.long_name}), not a video")
        if container.format.name in _LISTS:
            raise MediaError(path, f"is a list of other files ({container.format.long_name}); give the video itself")
        yield container


def check_name(path: Path) -> None:
    """Refuses a path that is no text, which neither ffmpeg-python nor a report can hold.

    Raises:
        MediaError: It is none.
    """
    if any(0xD800 <= ord(character) < 0xE000 for character in str(path.resolve())):  # Python's stand-ins for bytes
        raise MediaError(path, "its name, or a folder's, is no UTF-8 text; rename it")


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover picture.

    Raises:
        MediaError: There is none, or nothing here decodes it.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise MediaError(path, "has a picture in a codec that is not known here; convert it to H.264")
            return stream
    raise MediaError(path, "has no video stream; give a file with a picture")


def first_sample_s(path: Path) -> Fraction:
    """When a file's first audio stream begins, on the file's own clock; 0 where there is none, or it does not say.

    Raises:
        MediaError: The file cannot be read.
    """
    with open_media(path) as container:
        stream = next(iter(container.streams.audio), None)
        return Fraction((stream.start_time or 0) * (stream.time_base or 0)) if stream else Fraction(0)


def can_seek(path: Path) -> bool:
    """Whether decoding may begin in the midst of a file; see `Decoder.frames`.

    Raises:
        MediaError: The file cannot be read.
    """
    with open_media(path) as container:
        return container.format.name in _SEEKABLE


def time_base_of(stream: VideoStream) -> Fraction:
    """Seconds per unit of the stream's time stamps."""
    return stream.time_base or Fraction(1, 90_000)


class SizeChanged(MediaError):
    """A picture that changes its size in mid-film."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "changes its picture size on the way; convert it to one size first")


class Decoder:
    """The frames of a file's video stream, as the decoder gives them.

    Attributes:
        path: The file.
        damage: None, or what could not be decoded, once `frames` has come to its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None

    def frames(self, near_s: Fraction | None = None) -> Generator[tuple[int, av.VideoFrame]]:
        """Yields (time stamp, frame); time stamps are those of the file, made strictly increasing where they are not.

        Args:
            near_s: Begin at a key frame before this time of the file's clock, if the file can do that exactly;
                else, and without it, at the first frame.

        Raises:
            SizeChanged: The size of the picture changes on the way.
            MediaError: Not one frame can be decoded.
        """
        self.damage, stamp, size = None, None, None
        with open_media(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            if near_s is not None and container.format.name in _SEEKABLE:
                target = (near_s - _SEEK_MARGIN_S) / time_base_of(stream)
                container.seek(int(target), stream=stream)
            # AVI says when frames are decoded, no more; FFmpeg's guess when H.264's B-frames are shown goes to and fro.
            by_decoding = container.format.name == "avi" and stream.codec_context.has_b_frames
            stated = _colours(stream.codec_context)  # before decoding overwrites it by what the frames say
            for frame in self._decode(container, stream):
                _complete_colours(frame, stated)
                if size not in (None, (frame.width, frame.height)):
                    raise SizeChanged(self.path)
                size = (frame.width, frame.height)
                stamp = self._stamp(frame, stamp, by_decoding)
                yield stamp, frame
        if stamp is None:
            raise MediaError(self.path, f"has no frame that can be decoded ({self.damage or 'it is empty'})")

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        packets, n_packets, packet = container.demux(stream), 0, None
        while True:
            try:
                packet = next(packets, None)
                frames = stream.codec_context.decode(None) if packet is None else packet.decode()
            except av.error.EOFError:
                break
            except av.error.FFmpegError as error:
                self._note(f"packet {n_packets}: {error.strerror}")
                frames = []
            for frame in frames:
                if frame.is_corrupt:
                    self._note(f"packet {n_packets}: a frame is damaged")
                yield frame
            if packet is None:
                break
            n_packets += packet.size > 0
        n_promised = _n_promised(container, stream)
        if n_packets < n_promised:
            self._note(f"the file ends after {n_packets} of {n_promised} frames")

    def _stamp(self, frame: av.VideoFrame, previous: int | None, by_decoding: bool) -> int:
        """The frame's time stamp; a missing or repeated one is put just after the previous frame's."""
        stamps = (frame.dts, frame.pts) if by_decoding else (frame.pts, frame.dts)
        stamp = next((stamp for stamp in stamps if stamp is not None), None)
        if previous is None:
            return stamp or 0
        if stamp is None or stamp <= previous:
            if stamp is not None and (previous - stamp) * (frame.time_base or 0) > LEAST_RESTART_S:
                self._note(
                    "its clock starts over, as in files that were put one behind the other, and sound after that is "
                    "lost; join them anew: ffmpeg -i IN -c copy OUT.mkv"
                )
            return previous + max(frame.duration or 1, 1)
        return stamp

    def _note(self, what: str) -> None:
        self.damage = self.damage or what


def _n_promised(container: InputContainer, stream: VideoStream) -> int:
    """How many packets the file says that it has; 0 if it does not."""
    # The count in an MP4's header includes what its edit list leaves out, as in a video trimmed on a phone; that in an
    # AVI's the frames that were dropped when it was made, for which there is nothing in it.
    if container.format.name == _MP4:
        return len(stream.index_entries)
    return stream.frames if container.format.name != "avi" or _is_cut_off(Path(container.name)) else 0


def _is_cut_off(avi: Path) -> bool:
    """Whether an AVI file is shorter than its first bytes say."""
    with open(avi, "rb") as file:
        return avi.stat().st_size < 8 + int.from_bytes(file.read(8)[4:], "little")


def _colours(of: av.VideoFrame | av.VideoCodecContext) -> dict[str, int]:
    names = ("color_range", "colorspace", "color_primaries", "color_trc")
    return {name: int(getattr(of, name)) for name in names}


def _complete_colours(frame: av.VideoFrame, stated: dict[str, int]) -> None:
    """Fills in, from the file's header, the colour properties that the frame leaves unsaid, as phones often do."""
    for name, value in _colours(frame).items():
        if value == _UNSAID[name]:
            setattr(frame, name, stated[name])


def lies_on_its_side(frame: av.VideoFrame) -> bool:
    """Whether width and height change places in the upright picture."""
    return _orientation(frame)[1] % 2 == 1


def upright(plane: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """An image or a plane of a frame, mirrored and turned as its display matrix says, to the nearest quarter turn."""
    mirrored, quarters = _orientation(frame)
    return np.ascontiguousarray(np.rot90(plane[:, ::-1] if mirrored else plane, quarters))


def _orientation(frame: av.VideoFrame) -> tuple[bool, int]:
    """Whether the picture has to be mirrored, left for right, and by how many quarters then turned counterclockwise."""
    # Not frame.side_data: that and the frame would hold each other, and hundreds of pictures wait for the collector.
    matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # pyright: ignore[reportCallIssue]
    a, b, _, c, d, *_ = np.frombuffer(matrix, "<i4").astype(np.float64) if matrix else (1, 0, 0, 0, 1)
    mirrored = a * d < b * c
    sign = -1 if mirrored else 1
    return mirrored, round(-math.degrees(math.atan2(sign * b, sign * a)) / 90)


def rgb(frame: av.VideoFrame, path: Path) -> Image:
    """The frame as RGB, upright, converted by the colour matrix and range that it names."""
    try:
        return upright(frame.to_ndarray(format="rgb24"), frame)
    except av.error.FFmpegError as error:
        raise MediaError(path, f"its colours cannot be converted to RGB ({error.strerror})") from error

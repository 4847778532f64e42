"""A picture as its Y, U and V planes, so that what is not edited stays the decoder's, sample for sample."""

from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from talkedit.errors import MediaError
from talkedit.media.decode import lies_on_its_side, upright
from talkedit.records import Floats, Image

Plane = NDArray[Any]  # uint8, or uint16 for more than 8 bits
Planes = tuple[Plane, Plane, Plane]  # Y (H, W), U and V smaller by the format's subsampling; H and W even

_FULL_RANGE = 2
_BLOCK = 16
_SUBSAMPLING = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}  # rows, columns of luma to one of chroma
_DEPTHS = ("p", "p10le", "p12le")
# Formats whose samples pass through unchanged; full range is a property of the frame, not of the format.
FORMATS = tuple(f"yuv{layout}{depth}" for depth in _DEPTHS for layout in _SUBSAMPLING)


def format_of(frame: av.VideoFrame) -> str:
    """The format of `FORMATS` that holds an upright frame without loss, or else yuv420p."""
    name = frame.format.name.replace("yuvj", "yuv")
    return held_upright(name, frame) if name in FORMATS else "yuv420p"


def held_upright(name: str, frame: av.VideoFrame) -> str:
    """A format of `FORMATS`, or the one that takes its place in a picture that lies on its side.

    There, half the chroma in one direction only becomes 4:2:0.
    """
    return name.replace("422", "420") if lies_on_its_side(frame) else name


def to_format(frame: av.VideoFrame, name: str, path: Path) -> av.VideoFrame:
    """The frame in a format of `FORMATS`, itself if it is that already.

    Raises:
        MediaError: Its colours cannot be converted.
    """
    if frame.format.name.replace("yuvj", "yuv") == name:
        return frame
    try:
        if frame.format.is_rgb:
            return frame.reformat(format=name, dst_colorspace="ITU709", dst_color_range="MPEG")
        return frame.reformat(format=name, dst_color_range="JPEG" if is_full_range(frame) else "MPEG")
    except av.error.FFmpegError as error:
        raise MediaError(path, f"its colours cannot be converted to {name} ({error.strerror})") from error


def upright_planes(frame: av.VideoFrame) -> Planes:
    """Copies of the three planes, turned upright, luma padded to an even size by its last row and column.

    In an odd picture that is turned, chroma ends up at most one pixel from where it was.
    """
    rows, columns = _subsampling(frame)
    y, u, v = (upright(_samples(plane, frame), frame) for plane in frame.planes)
    luma = _padded(y, 2, 2)
    size = (luma.shape[0] // rows, luma.shape[1] // columns)
    u, v = (np.pad(c, [(0, size[0] - c.shape[0]), (0, size[1] - c.shape[1])], mode="edge") for c in (u, v))
    return luma, u, v


def compose(planes: Planes, edited: Image, mask: Floats, like: av.VideoFrame) -> Planes:
    """Takes the samples under the mask from the edited picture and all others from `planes`.

    A picture without colour stays without: of what was edited its brightness alone is taken.

    Args:
        planes: The decoder's.
        edited: (H, W, 3) uint8 RGB.
        mask: (H, W) float32; above 0 is inside.
        like: The frame whose format, colour matrix and range the planes are in.
    """
    rows, columns = _subsampling(like)
    chosen = _padded(mask > 0, 2, 2)
    where = _bounds(chosen)
    y, u, v = (plane.copy() for plane in planes)
    if where is None:
        return y, u, v
    chosen = chosen[where]
    of_chroma = chosen.reshape(chosen.shape[0] // rows, rows, chosen.shape[1] // columns, columns).any(axis=(1, 3))
    if all(_is_grey(plane, like) for plane in (u, v)):
        of_chroma = np.zeros_like(of_chroma)
    new = _yuv_from_rgb(_padded(edited, 2, 2)[where], like)
    scales = ((1, 1), (rows, columns), (rows, columns))
    for plane, samples, inside, scale in zip((y, u, v), new, (chosen, of_chroma, of_chroma), scales, strict=True):
        part = plane[tuple(slice(at.start // by, at.stop // by) for at, by in zip(where, scale, strict=True))]
        np.copyto(part, samples, where=inside)
    return y, u, v


def from_planes(planes: Planes, like: av.VideoFrame) -> av.VideoFrame:
    """A frame of these planes, with the colour properties of another of the same format."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, like.format.name.replace("yuvj", "yuv"))
    for plane, samples in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // samples.itemsize), samples.dtype)
        padded[:, : plane.width] = samples
        plane.update(padded.tobytes())
    frame.colorspace, frame.color_primaries, frame.color_trc = like.colorspace, like.color_primaries, like.color_trc
    frame.color_range = _FULL_RANGE if is_full_range(like) else like.color_range
    return frame


def is_full_range(frame: av.VideoFrame) -> bool:
    """Whether black and white are the lowest and highest value there is."""
    return frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")


def _yuv_from_rgb(image: Image, like: av.VideoFrame) -> Planes:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    name, range_name = like.format.name.replace("yuvj", "yuv"), "JPEG" if is_full_range(like) else "MPEG"
    frame = frame.reformat(format=name, dst_colorspace=like.colorspace, dst_color_range=range_name)
    y, u, v = (_samples(plane, frame) for plane in frame.planes)
    return y, u, v


def _is_grey(chroma: Plane, like: av.VideoFrame) -> bool:
    """Whether the samples say that there is no colour, to one step of 8 bits."""
    step = 1 << (like.format.components[0].bits - 8)
    neutral = 128 * step
    return bool(chroma.min() >= neutral - step and chroma.max() <= neutral + step)


def _bounds(chosen: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The rows and columns that have to be converted for the chosen ones, as if all were; None: nothing is chosen."""
    found = []
    for axis, n in enumerate(chosen.shape):
        at = np.flatnonzero(chosen.any(axis=1 - axis))
        if not len(at):
            return None
        # Chroma is made of neighbours too, and libswscale rounds in patterns of 8.
        found.append(slice(max(int(at[0]) // _BLOCK - 1, 0) * _BLOCK, min((int(at[-1]) // _BLOCK + 2) * _BLOCK, n)))
    return found[0], found[1]


def _subsampling(frame: av.VideoFrame) -> tuple[int, int]:
    return _SUBSAMPLING[frame.format.name.replace("yuvj", "yuv")[3:6]]


def _padded(plane: NDArray, rows: int, columns: int) -> NDArray:
    pads = [(0, -plane.shape[0] % rows), (0, -plane.shape[1] % columns)] + [(0, 0)] * (plane.ndim - 2)
    return np.pad(plane, pads, mode="edge") if pads[0][1] or pads[1][1] else plane


def _samples(plane: VideoPlane, frame: av.VideoFrame) -> Plane:
    depth = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else "<u2")
    rows = np.frombuffer(bytes(plane), depth).reshape(-1, plane.line_size // depth.itemsize)
    return rows[: plane.height, : plane.width]

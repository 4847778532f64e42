"""dlib's cascade of regression trees, read from its own file and run on many faces at once, in fractions of a pixel.

Source: Kazemi and Sullivan, One Millisecond Face Alignment with an Ensemble of Regression Trees, 2014, as dlib's
`shape_predictor` has it. dlib asks face by face, reads all over 65 MB of leaves for each, and rounds to whole pixels.
Here all faces go through one level of the cascade, whose 4 MB stay in the cache, before the next.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from talkedit.errors import AssetError
from talkedit.records import N_LANDMARKS, Doubles, Floats

Integers = NDArray[np.int64]

N_LEVELS, N_TREES, N_SPLITS, N_PIXELS = 15, 500, 15, 500  # of the 68-point model
N_LEAVES, N_VALUES = N_SPLITS + 1, 2 * N_LANDMARKS
_LEAF = re.compile(re.escape(bytes([0x81, N_VALUES, 0x81, 1])))  # a matrix of -136 x -1, as dlib marks its version
_LEVEL_BYTES, _COUNT_BYTES = 3, 2  # how many bytes it takes to say 500, and 15 or 16


@dataclass(frozen=True)
class Level:
    """One level: 500 trees.

    Attributes:
        anchors: (500,), the point beside which each pixel lies.
        offsets: (500,) complex, from there to the pixel, in sides of the box.
        first: (15 * 500,), numbers of pixels; split by split, and within it tree by tree.
        second: Likewise: a face goes left where the first pixel less the second is more than
        threshold: (15 * 500, 1) int16.
        leaves: (500 * 16, 136) float32.
    """

    anchors: Integers
    offsets: NDArray[np.complex64]
    first: Integers
    second: Integers
    threshold: NDArray[np.int16]
    leaves: Floats


class Cascade:
    """The 68-point model.

    Args:
        path: dlib's file.

    Raises:
        AssetError: It is no such file.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._mean, self._levels = _read(path)
        except (OSError, ValueError, IndexError) as error:
            raise AssetError("dlib_landmarks_68", f"{path} is not dlib's 68-point model ({error})") from error

    def __call__(self, patches: NDArray[np.uint8], patch_of: NDArray[np.intp], boxes_xyxy_px: Integers) -> Doubles:
        """Finds the points in many boxes; what one box gets does not depend on the others.

        Args:
            patches: (P, S, S) uint8 grey.
            patch_of: (B,), in which of them each box lies.
            boxes_xyxy_px: (B, 4), whole pixels, edges included.

        Returns:
            (B, 68, 2) float64 in pixels of the patch.
        """
        corner = boxes_xyxy_px[:, 0] + 1j * boxes_xyxy_px[:, 1]
        width, height = (boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]).T[..., None].astype(np.float64)
        shapes = np.tile(self._mean, (len(corner), 1))
        for level in self._levels:
            points = shapes.view(np.complex64)
            at = points[:, level.anchors] + _turn(self._mean, points)[:, None] * level.offsets
            x, y = corner.real[:, None] + at.real * width, corner.imag[:, None] + at.imag * height
            pixels = _look(patches, patch_of, x, y)
            shapes += _leaf_numbers(level, pixels) @ level.leaves
        found = shapes.astype(np.float64).reshape(-1, N_LANDMARKS, 2)
        return found * np.stack([width, height], axis=2) + np.stack([corner.real, corner.imag], axis=1)[:, None]


def _turn(mean: Floats, points: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """(B,), scale and rotation from the mean shape to each: least squares."""
    a = mean.astype(np.float64).view(np.complex128)
    a = a - a.mean()
    return ((points * a.conj()).sum(axis=1) / np.square(np.abs(a)).sum()).astype(np.complex64)


def _look(patches: NDArray[np.uint8], patch_of: NDArray[np.intp], x: Doubles, y: Doubles) -> NDArray[np.int16]:
    """(500, B), the pixels there; 0 beyond the patch."""
    side = patches.shape[1]
    column, row = (np.floor(values + 0.5).astype(np.intp) for values in (x, y))
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    at = (patch_of[:, None] * side + np.where(inside, row, 0)) * side + np.where(inside, column, 0)
    return np.ascontiguousarray((patches.reshape(-1)[at] * inside).T, np.int16)


def _leaf_numbers(level: Level, pixels: NDArray[np.int16]) -> csr_array:
    """(B, 8000), 1 for each leaf that a face comes to: one a tree."""
    n_faces = pixels.shape[1]
    goes_left = (pixels[level.first] - pixels[level.second] > level.threshold).reshape(N_SPLITS, N_TREES, n_faces)
    ways = np.zeros((N_TREES, n_faces), np.int16)
    for number, left in enumerate(goes_left):
        ways |= left.astype(np.int16) << number
    leaf = _LEAF_OF[ways].T + N_LEAVES * np.arange(N_TREES, dtype=np.int32)
    ends = np.arange(0, n_faces * N_TREES + 1, N_TREES, dtype=np.int32)
    return csr_array((np.ones(leaf.size, np.float32), leaf.ravel(), ends), shape=(n_faces, N_TREES * N_LEAVES))


def _leaf_table() -> NDArray[np.int32]:
    """(2 ** 15,), the leaf by the answers at all splits, a bit each: split n leads to 2n + 1 (left) or to 2n + 2."""
    answers, node = np.arange(1 << N_SPLITS), np.zeros(1 << N_SPLITS, np.int64)
    for _ in range(4):
        node = 2 * node + 2 - (answers >> node & 1)
    return (node - N_SPLITS).astype(np.int32)


_LEAF_OF = _leaf_table()


def _read(path: Path) -> tuple[Floats, list[Level]]:
    """The mean shape, and the levels.

    A number is a byte with its length and sign, then its bytes, least first; a fraction is two of them, mantissa and
    binary exponent. Numbers differ in length: leaves are found by how each begins, and read side by side.
    """
    data = path.read_bytes()
    starts = np.array([found.end() for found in _LEAF.finditer(data)])
    if len(starts) != 1 + N_LEVELS * N_TREES * N_LEAVES:
        raise ValueError(f"{len(starts) - 1} leaves")
    words = np.ndarray(len(data) - 7, "<i8", data, strides=(1,))
    mean, ends = _fractions(words, starts[:1], N_VALUES)
    levels = [_fractions(words, some, N_VALUES) for some in np.split(starts[1:], N_LEVELS)]
    ends = np.concatenate([ends, *(each for _, each in levels)])
    first, second, threshold = _splits(words, ends[:-1:N_LEAVES])
    anchors, at = _series(data, int(ends[-1]), is_fraction=False)
    offsets, at = _series(data, at, is_fraction=True)
    offsets = offsets.view(np.complex128).astype(np.complex64)
    leaves = [values for values, _ in levels]
    columns = (anchors.astype(np.int64), offsets, first, second, threshold, leaves)
    return mean[0], [Level(*each) for each in zip(*columns, strict=True)]


def _splits(words: Integers, starts: Integers) -> tuple[Integers, Integers, NDArray[np.int16]]:
    """Of each level, in the layout of `Level`.

    Args:
        words: See `_whole`.
        starts: (7500,), where each tree begins.
    """
    at = starts + _COUNT_BYTES
    at[::N_TREES] += _LEVEL_BYTES
    at[0] += _COUNT_BYTES
    columns: list[list[NDArray]] = [[], [], []]
    for _ in range(N_SPLITS):
        for column in columns[:2]:
            number, at = _whole(words, at)
            column.append(number)
        number, at = _fractions(words, at, 1)
        columns[2].append(np.floor(number[:, 0]))
    first, second, threshold = (
        np.stack(column).reshape(N_SPLITS, N_LEVELS, N_TREES).swapaxes(0, 1).reshape(N_LEVELS, -1) for column in columns
    )
    return first, second, threshold.astype(np.int16)[..., None]


def _whole(words: Integers, at: Integers) -> tuple[Integers, Integers]:
    """The whole numbers at some places, of at most seven bytes, and where they end.

    Args:
        words: (N,), eight bytes from each byte on.
        at: (B,).
    """
    word = words[at]
    n_bytes = word & 15
    return _value(word, n_bytes), at + 1 + n_bytes


def _value(word: Integers, n_bytes: Integers) -> Integers:
    value = (word >> 8) & ((np.int64(1) << 8 * n_bytes) - 1)
    return np.where(word & 128, -value, value)


def _fractions(words: Integers, at: Integers, n: int) -> tuple[Floats, Integers]:
    """(B, n), n fractions in a row from each place on, and where they end."""
    values = np.empty((len(at), n), np.float32)
    for number in range(n):
        word = words[at]
        n_bytes = word & 15
        mantissa, exponent = _value(word, n_bytes), word >> (8 + 8 * n_bytes)  # 7 bytes for both, in any file of floats
        n_more = exponent & 15
        values[:, number] = np.ldexp(mantissa.astype(np.float32), _value(exponent, n_more).astype(np.int32))
        at = at + 2 + n_bytes + n_more
    return values, at


def _series(data: bytes, at: int, is_fraction: bool) -> tuple[Doubles, int]:
    """(15, 500) numbers or (15, 1000) fractions, each level's after their count; and where they end."""

    def whole() -> int:
        nonlocal at
        n_bytes, sign = data[at] & 15, -1 if data[at] & 128 else 1
        value = sign * int.from_bytes(data[at + 1 : at + 1 + n_bytes], "little")
        at += 1 + n_bytes
        return value

    def level() -> list[float]:
        n = whole()
        return [whole() * 2.0 ** whole() for _ in range(2 * n)] if is_fraction else [whole() for _ in range(n)]

    return np.array([level() for _ in range(whole())], np.float64), at

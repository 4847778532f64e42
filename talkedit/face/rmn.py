"""Emotion from RMN, the residual masking network of the paper; for those who have its weights.

Source: Pham, Vu, Tran, Facial Expression Recognition using Residual Masking Network, ICPR 2020. The network is the
package rmn's own code. Importing that package would download weights, and needs torchvision and an OpenCV with windows;
its network needs neither. So the wheel is fetched, checked, and the network imported out of it; nothing is installed.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from talkedit import assets
from talkedit.face.emotion import between_looks, frames_to_look_at
from talkedit.face.geometry import Grey, boxes_from_landmarks, cut, frame_from_square, grey, smooth
from talkedit.records import EMOTIONS, CropTrack, Floats, Image

ASSET, CODE_ASSET = "rmn", "rmn_network"
INPUT_PX = 224
BATCH = 16

# The package squares the box of its detector (YuNet) and makes it 1.1 times as large. That square over the box of
# `boxes_from_landmarks`, in sides of the latter, with the detector of libfacedetection, which YuNet comes from: means
# over ten videos of eight people, which differ by 0.04 in size and 0.03 in place.
SQUARE_PER_BOX = 1.14
SHIFT_Y_PER_BOX = -0.075

_IMPORTED_AS = "talkedit_rmn_models"


class RmnEmotion:
    """Emotion probabilities; an `Extractor`.

    Args:
        smooth_s: Standard deviation of the smoothing over time, in seconds.
        every_n_frames: The network looks at every n-th frame; in between the line is taken.

    Raises:
        AssetError: The weights or the network's code cannot be had.
    """

    name: ClassVar[str] = "rmn"
    columns: ClassVar[tuple[str, ...]] = EMOTIONS  # the network's own order

    def __init__(self, smooth_s: float, every_n_frames: int) -> None:
        self._smooth_s, self._every_n = smooth_s, every_n_frames
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_rmn(assets.fetch(ASSET)).to(self._device)
        self._net = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """(T, 7) float32 probabilities; see `talkedit.face.extract.Extractor`."""
        at = frames_to_look_at(len(crops), self._every_n)
        starts = range(0, len(at), BATCH)
        seen = np.concatenate([self._look(crops, track.landmarks_px, at[i : i + BATCH]) for i in starts])
        return smooth(between_looks(seen, at, len(crops)), self._smooth_s * fps).astype(np.float32)

    @torch.inference_mode()
    def _look(self, crops: NDArray[np.uint8], landmarks_px: Floats, at: NDArray[np.intp]) -> Floats:
        faces = np.stack([face_picture(crops[i], landmarks_px[i]) for i in at])
        return self._net(to_input(faces).to(self._device)).softmax(dim=1).cpu().numpy()


def load_rmn(path: Path) -> nn.Module:
    """The network with the weights of a published checkpoint, key for key, ready to use on the CPU."""
    with torch.device("meta"):  # 138 million weights need no start values
        network = network_code().resmasking_dropout1(in_channels=3, num_classes=len(EMOTIONS))
    state = torch.load(path, map_location="cpu", weights_only=True)["net"]
    network.load_state_dict(state, assign=True)
    return network.eval()


def network_code() -> ModuleType:
    """The module ``resmasking`` out of the checked wheel.

    Raises:
        AssetError: The wheel cannot be had.
    """
    name = f"{_IMPORTED_AS}.resmasking"
    if name not in sys.modules:
        package = ModuleType(_IMPORTED_AS)
        # A package of our own around the folder: its own __init__ would run first, and imports all that is not wanted.
        package.__path__ = [f"{assets.fetch(CODE_ASSET)}/models"]
        sys.modules[_IMPORTED_AS] = package
    return importlib.import_module(name)


def face_picture(crop: Image, landmarks_px: ArrayLike) -> Grey:
    """The face as the package cuts it out.

    Args:
        crop: (S, S, 3) uint8 RGB.
        landmarks_px: (68, 2) in pixels of the crop.

    Returns:
        (224, 224) uint8.
    """
    box = boxes_from_landmarks(landmarks_px)
    side = box[2] - box[0]
    centre = (box[:2] + box[2:]) / 2 + np.array([0, SHIFT_Y_PER_BOX * side])
    return cut(grey(crop), frame_from_square(centre, side * SQUARE_PER_BOX, INPUT_PX), INPUT_PX)


def to_input(faces: NDArray[np.uint8]) -> Tensor:
    """(N, H, W) uint8 grey to (N, 3, H, W) float32: the same three times, 0..1, no mean and no deviation taken off."""
    return torch.from_numpy(faces)[:, None].expand(-1, 3, -1, -1).float() / 255

"""Head pose from a network that looks at the picture: Hopenet, as in the paper; for those who have its weights.

Margins, size and normalisation are those of its authors' video demo. So is the box they are taken from, as far as
landmarks can tell: the demo detects with dlib's CNN, whose box is smaller than that of dlib's HOG and higher.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from talkedit import assets
from talkedit.face.geometry import boxes_from_landmarks, cut, frame_from_square, smooth
from talkedit.models.hopenet import INPUT_PX, Hopenet
from talkedit.records import CropTrack, Doubles, Floats, Image

ASSET = "hopenet"
BATCH = 16
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# The CNN's box over that of `boxes_from_landmarks`, in sides of the latter: means over ten videos of eight people, each
# at four sizes, because that detector's boxes come in steps of a fifth. From video to video they differ by 0.04.
CNN_SIDE_PER_BOX = 0.92
CNN_SHIFT_Y_PER_BOX = -0.095


class HopenetPose:
    """Yaw, pitch and roll from the crops; an `Extractor`.

    Args:
        smooth_s: Standard deviation of the smoothing over time, in seconds.

    Raises:
        AssetError: The weights cannot be had.
    """

    name: ClassVar[str] = "hopenet"
    columns: ClassVar[tuple[str, ...]] = ("yaw_deg", "pitch_deg", "roll_deg")

    def __init__(self, smooth_s: float) -> None:
        self._smooth_s = smooth_s
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_hopenet(assets.fetch(ASSET)).to(self._device)
        self._net = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """(T, 3) float32 degrees; see `talkedit.face.extract.Extractor`."""
        starts = range(0, len(crops), BATCH)
        own = [self._look(crops[i : i + BATCH], track.landmarks_px[i : i + BATCH]) for i in starts]
        return smooth(talkedit_angles(np.concatenate(own)), self._smooth_s * fps).astype(np.float32)

    @torch.inference_mode()
    def _look(self, crops: NDArray[np.uint8], landmarks_px: Floats) -> Floats:
        heads = np.stack([head_picture(crop, points) for crop, points in zip(crops, landmarks_px, strict=True)])
        return self._net(to_input(heads).to(self._device)).cpu().numpy()


def load_hopenet(path: Path) -> Hopenet:
    """The network with the weights of a published checkpoint, key for key, ready to use on the CPU."""
    with torch.device("meta"):
        network = Hopenet()
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state, assign=True)
    return network.eval()


def head_picture(crop: Image, landmarks_px: ArrayLike) -> Image:
    """The part of a crop that the network looks at.

    Args:
        crop: (S, S, 3) uint8 RGB.
        landmarks_px: (68, 2) in pixels of the crop.

    Returns:
        (224, 224, 3) uint8 RGB. Beyond the crop's border its border goes on; the demo clips instead, and so changes the
        margins of a head at the edge.
    """
    x0, y0, x1, y1 = with_margins(cnn_box(landmarks_px))
    square = frame_from_square(((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, INPUT_PX)
    return cut(crop, square, INPUT_PX)


def cnn_box(landmarks_px: ArrayLike) -> Doubles:
    """The box that dlib's CNN detector would draw around these landmarks; (68, 2) to (4,) float64 x0, y0, x1, y1."""
    box = boxes_from_landmarks(landmarks_px)
    side = box[2] - box[0]
    centre = (box[:2] + box[2:]) / 2 + np.array([0, CNN_SHIFT_Y_PER_BOX * side])
    half = CNN_SIDE_PER_BOX * side / 2
    return np.concatenate([centre - half, centre + half])


def with_margins(box_xyxy: ArrayLike) -> Doubles:
    """Half the box's width more on both sides, three quarters of its height above, a quarter below; (4,) to (4,)."""
    box = np.asarray(box_xyxy, np.float64)
    width, height = box[2:] - box[:2]
    return box + np.array([-width / 2, -3 * height / 4, width / 2, height / 4])


def to_input(heads: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) uint8 RGB to (N, 3, H, W) float32, less ImageNet's mean, over its deviation."""
    pixels = torch.from_numpy(heads).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (pixels - mean) / std


def talkedit_angles(own_deg: ArrayLike) -> Doubles:
    """Hopenet's angles as those of `talkedit.records.POSE`.

    Its yaw is positive when the person turns to their own right; pitch and roll have our signs. It takes yaw before
    pitch and we pitch before yaw, so where the head is turned both ways the numbers differ too: yaw -30, pitch 15,
    roll 0 of Hopenet is yaw 30.9, pitch 13.0, roll 7.6 here.

    Source: the axes that its authors draw on the picture (``draw_axis`` of their code) for given angles. The nose
    points to (-sin yaw, -cos yaw sin pitch), x to the right and y down; and 300W-LP's angles, which it learned.

    Args:
        own_deg: (..., 3) yaw, pitch, roll of the network, in degrees.

    Returns:
        (..., 3) float64 degrees.
    """
    yaw, pitch, roll = np.moveaxis(np.radians(np.asarray(own_deg, np.float64)), -1, 0)
    # The head's axes in the camera's (x right, y down, z away) are Rx(-pitch) Ry(yaw) Rz(roll); ours are
    # Ry(-yaw) Rx(-pitch) Rz(roll), as of talkedit.face.pose. The last factor is common to both.
    ours = [
        np.arctan2(-np.sin(yaw), np.cos(pitch) * np.cos(yaw)),
        np.arcsin(np.sin(pitch) * np.cos(yaw)),
        np.arctan2(-np.sin(pitch) * np.sin(yaw), np.cos(pitch)) + roll,
    ]
    return np.degrees(np.stack(ours, axis=-1))

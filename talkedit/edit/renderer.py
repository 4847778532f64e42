"""Draws heads at the size of their crops: the one place where the trained network meets pictures of any size."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkedit.models.codes import draw_mask, make_codes
from talkedit.models.guide import Heads, guide
from talkedit.records import Attributes, CropTrack, Floats, Image
from talkedit.shards.loader import shrink
from talkedit.train.artifact import TrainedModel


@dataclass(frozen=True)
class Crops:
    """Frames that were cut out, and where their heads are; N of them.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        camera_from_head: (N, 3, 4).
        camera: (3,), focal length and principal point, in frame pixels.
        frame_from_crop: (N, 3, 3).
    """

    images: NDArray[np.uint8]
    camera_from_head: Floats
    camera: Floats
    frame_from_crop: NDArray[np.float64]

    def heads(self, camera_from_head: Floats | None = None) -> Heads:
        """Where the heads are, or would be."""
        placed = self.camera_from_head if camera_from_head is None else camera_from_head
        return Heads(
            torch.from_numpy(placed).float(),
            torch.from_numpy(self.camera).float().expand(len(placed), 3),
            picture_transforms(self.frame_from_crop, self.images.shape[1]),
        )


class Renderer:
    """Draws the heads that are asked for.

    Args:
        model: A person's model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._params = model.params
        self._generator = model.generator.to(self._device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def draw(self, target: Crops, asked_heads: Floats, source: Crops, mel: Floats, asked: Attributes) -> Image:
        """Draws each target crop's head as asked, from the source crop beside it.

        Args:
            target: The crops to be filled; what is inside the mask is not looked at.
            asked_heads: (N, 3, 4), camera_from_head, how the heads are to be turned.
            source: What the person looks like; may be the target itself.
            mel: (N, 80, 16), the speech at each frame.
            asked: The codes at each frame.

        Returns:
            (N, S, S, 3) uint8, of the target's size; only what is inside the mask means anything.
        """
        size_px = target.images.shape[1]
        masked = self._small(target.images) * (1 - draw_mask(self._params.image_px, self._params.mask_share))
        large = _as_tensor(source.images)
        small = self._small(source.images)
        if self._params.sources == "guided":
            heads = source.heads(), target.heads(asked_heads)
            small, large = guide(small, *heads), guide(large, *heads, size_px=size_px)
        codes = make_codes(*(torch.from_numpy(code)[None] for code in _codes(asked)))
        drawing = self._generator(
            small[None].to(self._device),
            masked[None].to(self._device),
            torch.from_numpy(mel)[None].to(self._device),
            {name: code.to(self._device) for name, code in codes.items()},
        )
        if large.shape[-1] != size_px:
            large = large.new_zeros(1, 1, size_px, size_px)  # raw sources: only the size counts
        return _as_images(drawing.image(large.to(self._device)))

    def _small(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.stack([shrink(image, self._params.image_px) for image in images]).float() / 255


def picture_transforms(frame_from_crop: NDArray[np.float64], size_px: int) -> Tensor:
    """(N, 3, 3) frame_from_picture: crop pixel p lies at share (p + 0.5) / size of the picture's side."""
    crop_from_picture = np.array([[size_px, 0, -0.5], [0, size_px, -0.5], [0, 0, 1]])
    return torch.from_numpy(frame_from_crop @ crop_from_picture).float()


def take(track: CropTrack, indices: slice) -> CropTrack:
    """The same track, some of its frames."""
    return CropTrack(
        track.size_px, track.frame_from_crop[indices], track.landmarks_px[indices], track.frame_size_px
    )


def _codes(asked: Attributes) -> tuple[Floats, Floats, Floats]:
    return asked.pose_deg, asked.emotion, asked.eye_openness


def _as_tensor(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def _as_images(pictures: Tensor) -> NDArray[np.uint8]:
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

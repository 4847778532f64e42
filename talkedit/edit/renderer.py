"""Draws heads at the size of their crops: the one place where the trained network meets pictures of any size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkedit.face.paste import SeamMatcher, feathered_mask
from talkedit.models.codes import draw_mask, make_codes
from talkedit.models.expressions import Expression
from talkedit.models.fold import fold
from talkedit.models.guide import guide
from talkedit.models.heads import Heads
from talkedit.models.landmarks import eye_points
from talkedit.models.lids import Eyes
from talkedit.models.lip_net import LipNet
from talkedit.models.lips import Mouth, lip_shape, overshot
from talkedit.records import CLIP_FPS, Attributes, CropTrack, Doubles, Floats, Image
from talkedit.shards.clips import heads_in_crops, shrink
from talkedit.train.artifact import TrainedModel

Chosen = slice | NDArray[np.intp]

FEATHER_SHARE = 0.06  # width of the mask's soft edge, as a share of the crop's side
BATCH = 8


@dataclass(frozen=True)
class Crops:
    """Frames that were cut out, and where their heads are; N of them.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        camera_from_head: (N, 3, 4) float32.
        camera: (N, 3) float32, focal length and principal point, in frame pixels.
        frame_from_crop: (N, 3, 3) float64.
        landmarks: (N, 68, 2) float32, shares of the crop's side.
        eye_openness: (N,) float32, 0..1.
        emotion: (N, 7) float32, shares of `talkedit.records.EMOTIONS`.
    """

    images: NDArray[np.uint8]
    camera_from_head: Floats
    camera: Floats
    frame_from_crop: Doubles
    landmarks: Floats
    eye_openness: Floats
    emotion: Floats

    def take(self, indices: Chosen) -> "Crops":
        """Some of them."""
        return Crops(*(getattr(self, field.name)[indices] for field in fields(self)))

    def singles(self, numbers: Iterable[int]) -> list["Crops"]:
        """Some of them, each by itself."""
        return [self.take(slice(number, number + 1)) for number in numbers]

    @property
    def lips(self) -> Floats:
        """(N, 21, 2) float32, their shape; see `talkedit.models.lips.lip_shape`."""
        return lip_shape(torch.from_numpy(self.landmarks), self.heads(self.camera_from_head)).numpy()

    def heads(self, camera_from_head: Floats) -> Heads:
        """The heads, placed at `camera_from_head`, as the networks take them."""
        return heads_in_crops(camera_from_head, self.camera, self.frame_from_crop, self.images.shape[1])


class Renderer:
    """Draws the heads that are asked for.

    Args:
        model: A person's model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._params = model.params
        self._generator = fold(model.generator).to(self._device)
        self._lips = model.lips.to(self._device) if model.lips else None

    def draw(
        self,
        target: Crops,
        asked_heads: Floats,
        source: Crops,
        mel: Floats,
        asked: Attributes,
        lips: Floats | None = None,
    ) -> Image:
        """Draws each target crop's head as asked, from the source crop beside it.

        Args:
            target: N crops to be filled; what is inside the mask is not looked at.
            asked_heads: (N, 3, 4), camera_from_head, how the heads are to be turned.
            source: What the person looks like, N crops; may be the target itself.
            mel: (N, 80, 16), the speech at each frame.
            asked: The codes at each frame.
            lips: (N, 21, 2), the shape that they should have (`Crops.lips`); None: as the speech says.

        Returns:
            (N, S, S, 3) uint8, of the target's size; only what is inside the mask means anything.
        """
        parts = []
        for first in range(0, len(mel), BATCH):
            some = slice(first, first + BATCH)
            shape = None if lips is None else lips[some]
            codes = take_attributes(asked, some)
            parts.append(self._draw(target.take(some), asked_heads[some], source.take(some), mel[some], codes, shape))
        return np.concatenate(parts)

    @property
    def hears(self) -> bool:
        """Whether the model has an ear for the shape of lips; one of raw sources has none."""
        return self._lips is not None

    @torch.inference_mode()
    def heard_lips(self, mel: Floats) -> Floats:
        """The shape speech gives the lips, (N, 80, 16) to (N, 21, 2); only for a model that `hears`."""
        return cast(LipNet, self._lips)(torch.from_numpy(mel)[None].to(self._device))[0].cpu().numpy()

    def blend(self, drawn: Image, original: Image) -> Image:
        """A clip's drawn crops in its own: colours matched at the seam, soft edge; (N, S, S, 3) uint8 each."""
        mask = self.paste_mask(original.shape[1])
        match = SeamMatcher(mask, float(CLIP_FPS))

        def blended(drawn: Image, original: Image) -> Image:
            change = match(drawn, original).astype(np.float32) - original
            return np.rint(original + mask[..., None] * change).astype(np.uint8)

        return np.stack([blended(*pair) for pair in zip(drawn, original, strict=True)])

    def paste_mask(self, size_px: int) -> Floats:
        """(S, S) float32, 0..1: what of a drawn crop is shown."""
        return feathered_mask(size_px, self._params.mask_box, FEATHER_SHARE)

    @torch.inference_mode()
    def _draw(
        self,
        target: Crops,
        asked_heads: Floats,
        source: Crops,
        mel: Floats,
        asked: Attributes,
        lips: Floats | None,
    ) -> Image:
        size_px, params = target.images.shape[1], self._params
        masked = self._small(target.images) * (1 - draw_mask(params.image_px, params.mask_box, self._device))
        small, sources = self._small(source.images), None
        speech = torch.from_numpy(mel)[None].to(self._device)
        if params.sources == "guided":
            here, there = self._heads(target, asked_heads, source)
            landmarks = torch.from_numpy(source.landmarks).to(self._device)
            eyes, mouth = self._eyes(source, landmarks, asked), self._mouth(landmarks, here, speech, lips)
            expression = self._expression(target, landmarks, asked)
            sources = guide(self._large(source.images), here, there, size_px, eyes, mouth, expression)
            small = guide(small, here, there, None, eyes, mouth, expression).layers()
        codes = make_codes(*(torch.from_numpy(code)[None].to(self._device) for code in _columns(asked)))
        pictures = self._generator(small[None], masked[None], speech, codes).image(size_px, sources)
        return (pictures * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def _heads(self, target: Crops, asked_heads: Floats, source: Crops) -> tuple[Heads, Heads]:
        """The sources' heads and the asked ones; the same object, or of one transform, where that is so."""
        here = self._on_device(source.heads(source.camera_from_head))
        places = ((each.frame_from_crop, each.camera) for each in (target, source))
        if not all(np.array_equal(*pair) for pair in zip(*places, strict=True)):
            return here, self._on_device(target.heads(asked_heads))
        if np.array_equal(asked_heads, source.camera_from_head):
            return here, here
        return here, here._replace(camera_from_head=torch.from_numpy(asked_heads).float().to(self._device))

    def _eyes(self, source: Crops, landmarks: Tensor, asked: Attributes) -> Eyes:
        openness = torch.from_numpy(source.eye_openness).to(self._device)
        if np.array_equal(source.eye_openness, asked.eye_openness):
            return Eyes(eye_points(landmarks), openness, openness)
        return Eyes(eye_points(landmarks), openness, torch.from_numpy(asked.eye_openness).to(self._device))

    def _mouth(self, landmarks: Tensor, heads: Heads, speech: Tensor, lips: Floats | None) -> Mouth:
        # Without lips they are as the speech says, for which a model with guided sources has a network.
        asked = cast(LipNet, self._lips)(speech)[0] if lips is None else torch.from_numpy(lips).to(self._device)
        return overshot(Mouth(landmarks, heads, asked))

    def _expression(self, target: Crops, landmarks: Tensor, asked: Attributes) -> Expression | None:
        """What the target itself shows is as it is to be where that is what is asked: measured twice, it differs."""
        change = asked.emotion - target.emotion
        if "emotion" not in self._params.attributes or not change.any():
            return None
        return Expression(landmarks, torch.from_numpy(change).to(self._device))

    def _on_device(self, heads: Heads) -> Heads:
        return Heads(*(part.to(self._device) for part in heads))

    def _small(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.stack([shrink(image, self._params.image_px) for image in images]).to(self._device).float() / 255

    def _large(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float() / 255


def joined(parts: Sequence[Crops]) -> Crops:
    """One after the other; crops of one size."""
    return Crops(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Crops)))


def take(track: CropTrack, indices: Chosen) -> CropTrack:
    """The same track, some of its frames."""
    return CropTrack(track.size_px, track.frame_from_crop[indices], track.landmarks_px[indices], track.frame_size_px)


def take_attributes(attributes: Attributes, indices: Chosen) -> Attributes:
    """The attributes of some frames."""
    return Attributes(*(column[indices] for column in _columns(attributes)))


def _columns(attributes: Attributes) -> tuple[Floats, Floats, Floats]:
    return attributes.pose_deg, attributes.emotion, attributes.eye_openness

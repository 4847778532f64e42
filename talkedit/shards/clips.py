"""One clip of a shard, decoded: pictures, speech and heads as the networks take them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import av
import numpy as np
import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from torch import Tensor
from torch.nn import functional as F

from talkedit.errors import TalkeditError
from talkedit.media.audio import mel_windows
from talkedit.models.heads import Heads
from talkedit.models.lips import lip_shape
from talkedit.records import CLIP_FPS, Doubles, Floats
from talkedit.shards.samples import Sample

AT_ONCE = 8  # crops that are shrunk together
# What is known of a frame besides picture and sound, and its shape.
NUMBERS = {
    "pose_deg": (3,),
    "emotion": (7,),
    "eye_openness": (),
    "landmarks": (68, 2),
    "camera_from_head": (3, 4),
    "camera": (3,),
    "frame_from_picture": (3, 3),
}


@dataclass(frozen=True)
class LoadedClip:
    """One clip in memory, T frames.

    Attributes:
        sample: The clip as it stands in the shard.
        shown: Those of its frames whose pictures are here: all, or some in a row.
        pictures: (len(shown), 3, px, px) uint8, their crops at the networks' size; in memory pixel by pixel (channels
            last).
        mel: (T, 80, 16) float32, the mel window centred on each frame.
        landmarks: (T, 68, 2) float32, shares of the crop's side.
        heads: Where the heads are.
    """

    sample: Sample
    shown: range
    pictures: Tensor
    mel: Tensor
    landmarks: Tensor
    heads: Heads

    @cached_property
    def numbers(self) -> Tensor:
        """(T, 171) float32, the fields of `NUMBERS` side by side: a batch takes them all at once."""
        codes = self.sample.attributes
        measured = (torch.from_numpy(code) for code in (codes.pose_deg, codes.emotion, codes.eye_openness))
        return torch.cat([part.reshape(len(self.mel), -1) for part in (*measured, self.landmarks, *self.heads)], dim=1)

    @cached_property
    def lips(self) -> Tensor:
        """(T, 21, 2) float32, their shape; see `talkedit.models.lips.lip_shape`."""
        return lip_shape(self.landmarks, self.heads)


def load_clip(sample: Sample, image_px: int, shown: range | None = None) -> LoadedClip:
    """Decodes one clip at the networks' size.

    Args:
        sample: The clip as it stands in the shard.
        image_px: Side of the pictures.
        shown: Frames in a row that are enough; what lies between two key frames is decoded by itself.

    Raises:
        TalkeditError: As `decode_crops`.
    """
    shown = shown or range(sample.n_frames)
    times_s = (np.arange(sample.n_frames) + 0.5) / float(CLIP_FPS)
    return LoadedClip(
        sample=sample,
        shown=shown,
        pictures=_pictures(sample, shown, image_px),
        mel=torch.from_numpy(mel_windows(sample.mel, times_s)),
        landmarks=torch.from_numpy(sample.track.landmark_shares()),
        heads=heads_of(sample),
    )


def decode_crops(sample: Sample) -> Iterator[np.ndarray]:
    """The crops at native size, (S, S, 3) uint8 RGB each.

    Raises:
        TalkeditError: The video is damaged, or has not as many frames as the clip.
    """
    return (crop.copy() for crop in _decode(sample, range(sample.n_frames)))


def shrink(crop: np.ndarray, image_px: int) -> Tensor:
    """A crop (S, S, 3) uint8 at the networks' size, anti-aliased: (3, px, px) uint8.

    In training, evaluation and editing alike. On bytes in the order in which they are decoded, torch is four times as
    fast as on floats (0.13 against 0.47 ms from 336 to 96 px on one core), and at most one level away.
    """
    return _shrink(crop[None], image_px)[0].contiguous()


def _shrink(crops: np.ndarray, image_px: int) -> Tensor:
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)
    return F.interpolate(pictures, size=(image_px, image_px), mode="bilinear", antialias=True, align_corners=False)


def _pictures(sample: Sample, shown: range, image_px: int) -> Tensor:
    """Some of a clip's crops at the networks' size, (len(shown), 3, px, px) uint8.

    New pages of memory cost more than what is put there: 0.11 ms a frame of 256 px, against 0.02 ms to convert it. So
    all frames go straight into one piece, which torch takes from what was let go of; numpy would ask for new pages.
    """
    pictures = torch.empty(len(shown), image_px, image_px, 3, dtype=torch.uint8)
    fill = _fill if image_px == sample.track.size_px else _fill_shrunk
    fill(pictures.numpy(), sample, shown)
    return pictures.permute(0, 3, 1, 2)


def _fill(pictures: np.ndarray, sample: Sample, shown: range) -> None:
    for picture, crop in zip(pictures, _decode(sample, shown), strict=True):
        picture[:] = crop


def _fill_shrunk(pictures: np.ndarray, sample: Sample, shown: range) -> None:
    """Several crops at once: two thirds of the time of one by one."""
    side_px, image_px = sample.track.size_px, pictures.shape[1]
    crops = np.empty((AT_ONCE, side_px, side_px, 3), np.uint8)
    for index, crop in enumerate(_decode(sample, shown)):
        n_waiting = index % AT_ONCE + 1
        crops[n_waiting - 1] = crop
        if n_waiting == AT_ONCE or index == len(shown) - 1:
            shrunk = _shrink(crops[:n_waiting], image_px).permute(0, 2, 3, 1)
            pictures[index + 1 - n_waiting : index + 1] = shrunk.numpy()


def _decode(sample: Sample, shown: range) -> Iterator[np.ndarray]:
    """Some of the crops, (S, S, 3) uint8 RGB each, in the decoder's own memory."""
    n_decoded, problem, side_px = 0, "its video is not its own", sample.track.size_px
    converter = VideoReformatter()  # one for all frames: to set it up costs half as much as decoding a frame
    try:
        with av.open(io.BytesIO(sample.crops_mp4), "r", metadata_errors="replace") as container:
            for frame in _frames(container, sample.n_frames, shown):
                if (frame.width, frame.height) != (side_px, side_px):
                    break
                (plane,) = converter.reformat(frame, format="rgb24", threads=1).planes
                rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)  # type: ignore[arg-type]
                yield rows[:, : 3 * side_px].reshape(-1, side_px, 3)
                n_decoded += 1
    except FFmpegError as error:
        problem = f"its video cannot be read: {error.strerror}"
    if n_decoded != len(shown):
        raise TalkeditError(f"shard sample {sample.clip_id!r} is damaged ({problem}); run `dvc repro -f shards`")


def _frames(container: InputContainer, n_frames: int, shown: range) -> Iterator[av.VideoFrame]:
    """Some frames in a row, decoded from the key frame before them; none of a video that has not `n_frames`."""
    codec = container.streams.video[0].codec_context if container.streams.video else None
    packets = [packet for packet in container.demux(video=0) if packet.size] if codec else []
    stamps = [packet.pts for packet in packets if packet.pts is not None]
    place_of = {stamp: place for place, stamp in enumerate(sorted(set(stamps)))}
    if not codec or not len(packets) == len(place_of) == n_frames:
        return
    codec.thread_count = 1  # several clips are decoded side by side instead
    places = [place_of[stamp] for stamp in stamps]  # decoding goes to and fro
    keys = [i for i, packet in enumerate(packets) if packet.is_keyframe and places[i] <= shown.start]
    last = max(i for i, place in enumerate(places) if place in shown)
    for packet in [*packets[max(keys, default=0) : last + 1], None]:
        for frame in codec.decode(packet):
            if frame.pts is not None and place_of.get(frame.pts) in shown:
                yield frame


def heads_of(sample: Sample) -> Heads:
    """The heads of all frames of a clip; picture positions are shares of the crop's side."""
    camera = np.broadcast_to(sample.camera, (sample.n_frames, 3))
    return heads_in_crops(sample.heads, camera, sample.track.frame_from_crop, sample.track.size_px)


def heads_in_crops(camera_from_head: Floats, camera: Floats, frame_from_crop: Doubles, size_px: int) -> Heads:
    """Heads as the networks take them; picture positions are shares of the crop's side.

    Args:
        camera_from_head: (N, 3, 4).
        camera: (N, 3).
        frame_from_crop: (N, 3, 3), of crop pixels.
        size_px: The crops' side.
    """
    # Crop pixel p lies at share (p + 0.5) / size.
    crop_from_picture = np.array([[size_px, 0, -0.5], [0, size_px, -0.5], [0, 0, 1]])
    places = camera_from_head, camera, frame_from_crop @ crop_from_picture
    return Heads(*(torch.tensor(place, dtype=torch.float32) for place in places))

"""The named, frozen types that pass from one part of the pipeline to the next.

Conventions, kept everywhere:
    Images are RGB, uint8, (height, width, 3). Boxes are (x0, y0, x1, y1). Points are (x, y), the centre of the
    top left pixel at (0, 0). A transform `a_from_b` is a (3, 3) matrix; it takes homogeneous
    pixel positions in b to a.
    Pose is (yaw, pitch, roll) in degrees: yaw positive when the person turns to their own left, pitch positive
    when they look up, roll positive when the head tilts clockwise as the viewer sees it.
    Eye openness is 0 (closed) to 1 (open). Emotions are probabilities in the order of `EMOTIONS`.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

CLIP_FPS = Fraction(25)
SAMPLE_RATE_HZ = 16_000
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
POSE = ("yaw", "pitch", "roll")
N_LANDMARKS = 68

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """A stretch of a source, at 25 fps, with its 16 kHz mono sound in a WAV file beside the table.

    Frame i shows the source at `start_s + i / 25`, exactly. Nothing is re-encoded to make a clip.

    Attributes:
        clip_id: Unique, safe as a file name.
        source: File name of the source inside the download folder.
        start_s: Where the clip begins in the source, exact.
        n_frames: Length at 25 fps.
        split: ``train`` or ``validation``.
    """

    clip_id: str
    source: str
    start_s: Fraction
    n_frames: int
    split: str

    def times_s(self) -> list[Fraction]:
        """The time of each frame in the source."""
        return [self.start_s + i / CLIP_FPS for i in range(self.n_frames)]


@dataclass(frozen=True)
class FaceTrack:
    """One face followed through a video, frame by frame, in pixels of the full frame.

    Attributes:
        boxes_xyxy_px: (T, 4) float64, the detector's box, interpolated between detections.
        landmarks_px: (T, 68, 2) float32, dlib's 68 points. Rows without a face hold NaN.
        found: (T,) bool, whether the frame has a face (detected, or in a short gap between detections).
        frame_size_px: (width, height) of the full frame.
    """

    boxes_xyxy_px: Doubles
    landmarks_px: Floats
    found: NDArray[np.bool_]
    frame_size_px: tuple[int, int]


@dataclass(frozen=True)
class CropTrack:
    """Square crops around the whole head. What was cut out can be put back.

    Attributes:
        size_px: Side of every crop, the native size: about one crop pixel per frame pixel.
        frame_from_crop: (T, 3, 3) float64.
        landmarks_px: (T, 68, 2) float32, in crop pixels.
        frame_size_px: (width, height) of the full frame.
    """

    size_px: int
    frame_from_crop: Doubles
    landmarks_px: Floats
    frame_size_px: tuple[int, int]

    def landmark_shares(self) -> Floats:
        """(T, 68, 2) float32, shares of the crop's side."""
        return ((self.landmarks_px + 0.5) / self.size_px).astype(np.float32)

    def landmarks_in_frame_px(self) -> Floats:
        """(T, 68, 2), the landmarks in pixels of the full frame."""
        ones = np.ones((*self.landmarks_px.shape[:2], 1))
        points = np.concatenate([self.landmarks_px, ones], axis=2) @ self.frame_from_crop.transpose(0, 2, 1)
        return points[..., :2].astype(np.float32)


@dataclass(frozen=True)
class Attributes:
    """What the editor can change, for each frame.

    Attributes:
        pose_deg: (T, 3) float32, yaw, pitch, roll; signs as in the module's docstring.
        emotion: (T, 7) float32, probabilities in the order of `EMOTIONS`.
        eye_openness: (T,) float32, 0 (closed) to 1 (open), the mean of both eyes.
    """

    pose_deg: Floats
    emotion: Floats
    eye_openness: Floats

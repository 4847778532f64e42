"""Generated heads back to numbers: landmarks, pose, emotion and openness, found again as they were in the input.

What measures is dlib and what stands on it; none of it is a network that the generator was trained against.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from talkedit.face.extract import Extractor, extract_attributes
from talkedit.face.geometry import fill_gaps
from talkedit.face.track import FaceTracker
from talkedit.records import CLIP_FPS, Attributes, CropTrack, Floats


@dataclass(frozen=True)
class Found:
    """What was found in T crops.

    Attributes:
        landmarks_px: (T, 68, 2) in crop pixels; NaN where no face was found.
        attributes: Pose, emotion, openness; NaN likewise. None if no face was found at all.
    """

    landmarks_px: Floats
    attributes: Attributes | None


def measure_crops(
    crops: NDArray[np.uint8], track: CropTrack, tracker: FaceTracker, extractors: tuple[Extractor, ...]
) -> Found:
    """Measures a clip's worth of crops.

    Args:
        crops: (T, S, S, 3) uint8 RGB, frame after frame.
        track: Where they were cut out; its landmarks are not used.
        tracker: Finds the face anew.
        extractors: From `talkedit.face.extract.build_extractors`.
    """
    size_px = crops.shape[1]
    face = tracker.track(crops, (size_px, size_px), float(CLIP_FPS))
    if not face.found.any():
        return Found(face.landmarks_px, None)
    filled = replace(track, landmarks_px=fill_gaps(face.landmarks_px, face.found).astype(np.float32))
    found = extract_attributes(crops, filled, float(CLIP_FPS), extractors)
    for column in (found.pose_deg, found.emotion, found.eye_openness):
        column[~face.found] = np.nan
    return Found(face.landmarks_px, found)

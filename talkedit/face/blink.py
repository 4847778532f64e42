"""How open the eyes are, from the landmarks."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from talkedit.face.geometry import eye_aspect_ratio
from talkedit.records import CropTrack, Floats


class EarBlink:
    """Eye openness from the eye aspect ratio (EAR); an `Extractor`.

    Source: clip((EAR - 0.15) * 5, 0, 1), the scale of the paper's authors; that is, closed at 0.15 and open at 0.35.
    On the sample clip EAR runs from 0.15 in a blink to 0.32. Nothing is smoothed: a blink lasts 3 frames.

    Args:
        ear_closed: EAR of a closed eye.
        ear_open: EAR of an open eye.
    """

    name: ClassVar[str] = "ear"
    columns: ClassVar[tuple[str, ...]] = ("eye_openness",)

    def __init__(self, ear_closed: float, ear_open: float) -> None:
        self._closed, self._open = ear_closed, ear_open

    def __call__(self, crops: NDArray[np.uint8], track: CropTrack, fps: float) -> Floats:
        """(T, 1) float32, 0 to 1; see `talkedit.face.extract.Extractor`. The crops are not looked at."""
        ear = eye_aspect_ratio(track.landmarks_px)
        return np.clip((ear - self._closed) / (self._open - self._closed), 0, 1)[:, None].astype(np.float32)

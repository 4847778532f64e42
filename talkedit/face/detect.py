"""Where the face is in one frame: dlib's HOG detector, and its 68 points."""

from collections.abc import Sequence

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from talkedit import assets
from talkedit.face.cascade import Cascade
from talkedit.face.geometry import Grey, apply, box_overlap, cut, frame_from_square
from talkedit.records import Doubles

# The detector finds faces from 80 px. A half-size copy costs a quarter and finds every face from 160 px; a double-size
# one finds faces from 40 px, but costs 70 ms at 640x480 and is not tried on frames much
# larger than that.
SEARCH_SCALES = (0.5, 1.0, 2.0)
MAX_UPSCALED_PIXELS = 1280 * 1280
# Around the last face only a patch is searched, scaled so that the face is a little larger than the detector's window:
# 3 ms instead of the 17 ms of a whole 640x480 frame, whatever the size of the frame.
PATCH_PER_BOX = 2.2
PATCH_PX = 240
MIN_OVERLAP = 0.3  # of two boxes of one face, a few frames apart

# What the predictor answers depends on where exactly the box lies. In a patch where the face has 200 px, averaged over
# five boxes, the noise of the eye aspect ratio falls to 0.005 on the sample clip; from one box, in whole pixels as
# dlib itself answers, it is 0.014.
FACE_PX = 200
FACE_PATCH_PX = 320
BOX_OFFSETS = ((0, 0, 1), (-0.04, -0.04, 1), (0.04, -0.04, 1.06), (-0.04, 0.04, 0.94), (0.04, 0.04, 1))


class FaceDetector:
    """Finds the box of one face: the one seen last if there is one, the largest otherwise."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()  # type: ignore[attr-defined]

    def __call__(self, grey: Grey, last_xyxy_px: Doubles | None = None) -> Doubles | None:
        """Finds a face.

        Args:
            grey: (H, W) uint8, the whole frame.
            last_xyxy_px: (4,), where the face was a few frames before.

        Returns:
            (4,) float64, x0, y0, x1, y1 in pixels of the frame; None without a face.
        """
        if last_xyxy_px is not None:
            box = self._near(grey, last_xyxy_px)
            if box is not None:
                return box
        for scale in SEARCH_SCALES:
            if scale <= 1 or grey.size * scale**2 <= MAX_UPSCALED_PIXELS:
                boxes = self._search(grey, scale)
                if boxes:
                    return _choose(boxes, last_xyxy_px)
        return None

    def all(self, grey: Grey) -> list[Doubles]:
        """Every face of a frame, as boxes, from left to right; small ones only where nothing larger is found."""
        for scale in SEARCH_SCALES[1:]:
            if scale <= 1 or grey.size * scale**2 <= MAX_UPSCALED_PIXELS:
                boxes = self._search(grey, scale)
                if boxes:
                    return sorted(boxes, key=lambda box: box[0])
        return []

    def _near(self, grey: Grey, last: Doubles) -> Doubles | None:
        frame_from_patch = frame_from_square((last[:2] + last[2:]) / 2, (last[2] - last[0]) * PATCH_PER_BOX, PATCH_PX)
        boxes = self._search(cut(grey, frame_from_patch, PATCH_PX), 1.0)
        boxes = [apply(frame_from_patch, box.reshape(2, 2)).ravel() for box in boxes]
        near = [box for box in boxes if box_overlap(box, last) >= MIN_OVERLAP]
        return _choose(near, last) if near else None

    def _search(self, grey: Grey, scale: float) -> list[Doubles]:
        if scale != 1:
            interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            scaled = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=interpolation)
        else:
            scaled = grey
        found = self._detector(scaled, 0)
        return [(np.array([r.left(), r.top(), r.right(), r.bottom()]) + 0.5) / scale - 0.5 for r in found]


def _choose(boxes: list[Doubles], last: Doubles | None) -> Doubles:
    if last is not None:
        nearest = max(boxes, key=lambda box: box_overlap(box, last))
        if box_overlap(nearest, last) > 0:
            return nearest
    return max(boxes, key=lambda box: box[2] - box[0])


class LandmarkPredictor:
    """Finds dlib's 68 points in a box, to a fraction of a pixel."""

    def __init__(self) -> None:
        self._cascade = Cascade(assets.fetch("dlib_landmarks_68"))

    def __call__(self, grey: Grey, box_xyxy_px: Doubles) -> Doubles:
        """Finds the points of one face.

        Args:
            grey: (H, W) uint8, the whole frame.
            box_xyxy_px: (4,), the detector's box of the face.

        Returns:
            (68, 2) float64, in pixels of the frame.
        """
        return self.all([grey], [box_xyxy_px])[0]

    def all(self, greys: Sequence[Grey], boxes_xyxy_px: Sequence[Doubles] | Doubles) -> Doubles:
        """The same of several frames, a face each: eight at once take a third of the time of one by one.

        Args:
            greys: N of them.
            boxes_xyxy_px: N of them.

        Returns:
            (N, 68, 2) float64; those of a face are the same whichever others it is asked with.
        """
        boxes = np.asarray(boxes_xyxy_px, np.float64)
        side = (boxes[:, 2] - boxes[:, 0]) * FACE_PATCH_PX / FACE_PX
        frame_from_patch = frame_from_square((boxes[:, :2] + boxes[:, 2:]) / 2, side, FACE_PATCH_PX)
        patches = np.stack([cut(*each, FACE_PATCH_PX) for each in zip(greys, frame_from_patch, strict=True)])
        n_boxes = len(_BOXES)
        patch_of = np.repeat(np.arange(len(patches)), n_boxes)
        points = self._cascade(patches, patch_of, np.tile(_BOXES, (len(patches), 1)))
        return apply(frame_from_patch, points.reshape(-1, n_boxes, *points.shape[1:]).mean(axis=1))


def _boxes() -> NDArray[np.int64]:
    """(5, 4), those in which the predictor looks for the face of a patch."""
    shift_x, shift_y, scale = np.array(BOX_OFFSETS).T
    x, y = FACE_PATCH_PX / 2 + FACE_PX * shift_x, FACE_PATCH_PX / 2 + FACE_PX * shift_y
    half = FACE_PX * scale / 2
    return np.stack([x - half, y - half, x + half, y + half], axis=1).round().astype(np.int64)


_BOXES = _boxes()

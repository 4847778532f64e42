"""An independent witness of generated heads: MediaPipe's FaceMesh, run by LiteRT.

Nothing here trains, or is trained against, this network or its points: pose codes, eye network and landmarks come
from dlib. On the held-out minute of HDTF's Lieu clip its yaw agrees with the codes to r = 0.99 at 0.94 of their size,
pitch to 0.97 at 1.16, its lids to 0.92; it jitters by 0.2 to 0.5 degrees from frame to frame.
"""

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from talkedit import assets
from talkedit.evaluate.mesh import N_POINTS, OUTER_EYE_CORNERS
from talkedit.records import Doubles, Floats, Image

INPUT_PX = 192
BOX_SCALE = 1.5  # side of the network's picture over the extent of the face's points
ROUNDS = 2  # the second look is placed by the points of the first, so that what placed the first does not matter
LEAST_PRESENCE = 0.0  # a logit
DLIB_EYES = (slice(36, 42), slice(42, 48))


class Witness:
    """Finds the mesh of the face in crops.

    Raises:
        AssetError: The weights cannot be had.
    """

    def __init__(self) -> None:
        self._network = Interpreter(str(assets.fetch("face_mesh")), num_threads=1)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._points, self._presence = (output["index"] for output in self._network.get_output_details())

    def look(self, crops: NDArray[np.uint8], landmarks_px: Floats) -> Floats:
        """The meshes of T crops.

        Args:
            crops: (T, S, S, 3) uint8 RGB.
            landmarks_px: (T, 68, 2) in crop pixels: about where the face is; those of the unedited crop will do.

        Returns:
            (T, 468, 3) float32 in crop pixels; NaN where there is no face.
        """
        return np.stack([self._find(*pair) for pair in zip(crops, landmarks_px, strict=True)])

    def _find(self, crop: Image, landmarks_px: Floats) -> Floats:
        eyes = np.stack([landmarks_px[eye].mean(axis=0) for eye in DLIB_EYES])
        points, presence = np.asarray(landmarks_px, np.float64), 0.0
        mesh = np.full((N_POINTS, 3), np.nan, np.float32)
        for _ in range(ROUNDS):
            mesh, presence = self._run(crop, _crop_from_input(points, eyes))
            points, eyes = mesh[:, :2].astype(np.float64), mesh[list(OUTER_EYE_CORNERS), :2]
        return mesh if presence > LEAST_PRESENCE else np.full_like(mesh, np.nan)

    def _run(self, crop: Image, crop_from_input: Doubles) -> tuple[Floats, float]:
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(crop, crop_from_input, (INPUT_PX, INPUT_PX), None, how, cv2.BORDER_REPLICATE)
        self._network.set_tensor(self._input, (picture.astype(np.float32) / 255)[None])
        self._network.invoke()
        found = self._network.get_tensor(self._points).reshape(N_POINTS, 3).astype(np.float64)
        linear, shift = crop_from_input[:, :2], crop_from_input[:, 2]
        scale = np.hypot(*linear[:, 0])
        mesh = np.column_stack([found[:, :2] @ linear.T + shift, found[:, 2] * scale])
        return mesh.astype(np.float32), float(self._network.get_tensor(self._presence).item())


def _crop_from_input(points: Doubles, eyes: NDArray) -> Doubles:
    """(2, 3): the network's picture is a square about the points, upright by the eyes."""
    across = eyes[1] - eyes[0]
    cos, sin = across / np.linalg.norm(across)
    upright = np.array([[cos, -sin], [sin, cos]])
    turned = points @ upright
    low, high = turned.min(axis=0), turned.max(axis=0)
    linear = upright * (BOX_SCALE * (high - low).max() / INPUT_PX)
    centre = upright @ ((low + high) / 2)
    return np.column_stack([linear, centre - linear @ (INPUT_PX / 2, INPUT_PX / 2)])

"""What a face mesh says of a head: how it turned, how far eyes and mouth are open, how its expression changed.

A mesh is (468, 3): MediaPipe's FaceMesh points in crop pixels, x right, y down, z away from the camera, of the same
scale as x.
"""

import numpy as np
from numpy.typing import NDArray

from talkedit.models.expressions import expressions
from talkedit.records import Doubles, Floats

N_POINTS = 468
# Points that talking and blinking do not move: eye corners, bridge and tip of the nose, forehead, temples.
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 10, 151, 9, 8, 127, 356, 234, 454, 21, 251, 54, 284)
# Each eye: outer corner, two points of the upper lid, inner corner, two of the lower lid.
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
OUTER_EYE_CORNERS = (33, 263)
INNER_LIPS, MOUTH_CORNERS = (13, 14), (61, 291)
# Where the mesh has dlib's points (before the colon) of brows and mouth that go with expressions.
EXPRESSIVE = {
    **{17: 70, 18: 63, 19: 105, 20: 66, 21: 107, 22: 336, 23: 296, 24: 334, 25: 293, 26: 300},
    **{48: 61, 51: 0, 54: 291},
}


def turned_deg(before: Floats, after: Floats) -> Floats:
    """How a head was turned from one picture to another of the same moment.

    The rotation that brings the rigid points of one mesh onto those of the other (Kabsch 1976), as angles about the
    camera's axes.

    Args:
        before: (T, 468, 3).
        after: (T, 468, 3).

    Returns:
        (T, 3) float32, changes of yaw, pitch, roll in degrees, signs as in `talkedit.records`.
    """
    points = list(RIGID)
    pairs = zip(before[:, points].astype(np.float64), after[:, points].astype(np.float64), strict=True)
    return np.array([_angles_deg(_rotation(*pair)) for pair in pairs], np.float32).reshape(-1, 3)


def _rotation(before: Doubles, after: Doubles) -> Doubles:
    """The proper rotation R with after = R before, least squares, about the points' means."""
    u, _, vt = np.linalg.svd((before - before.mean(0)).T @ (after - after.mean(0)))
    mirrored = np.sign(np.linalg.det(vt.T @ u.T))
    return vt.T @ np.diag([1, 1, mirrored]) @ u.T


def _angles_deg(rotation: Doubles) -> NDArray[np.float64]:
    yaw = -np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[1, 2], -1, 1))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return np.degrees([yaw, pitch, roll])


def lid_opening(mesh: Floats) -> Floats:
    """(T,): the eye aspect ratio of the mesh, mean of both eyes; the width is taken in space, so that a turn does not
    narrow it."""
    ratios = []
    for eye in EYES:
        p1, p2, p3, p4, p5, p6 = (mesh[:, point] for point in eye)
        lids = np.linalg.norm((p2 - p6)[:, :2], axis=1) + np.linalg.norm((p3 - p5)[:, :2], axis=1)
        ratios.append(lids / (2 * np.linalg.norm(p1 - p4, axis=1)))
    return np.mean(ratios, axis=0).astype(np.float32)


def mouth_opening(mesh: Floats) -> Floats:
    """(T,): distance of the inner lips in their middle over the distance of the outer eye corners."""
    upper, lower = (mesh[:, point, :2] for point in INNER_LIPS)
    return np.linalg.norm(upper - lower, axis=1) / _between_eyes(mesh)


def mouth_width(mesh: Floats) -> Floats:
    """(T,): distance of the mouth's corners over the distance of the outer eye corners, both in space."""
    right, left = (mesh[:, point] for point in MOUTH_CORNERS)
    return np.linalg.norm(left - right, axis=1) / _between_eyes(mesh)


def expression_moved(before: Floats, after: Floats, change: Floats) -> Floats:
    """How far brows and mouth moved of what a change of emotion asks.

    Args:
        before: (T, 468, 3).
        after: (T, 468, 3), the same moments.
        change: (T, 7), by how much the share of each emotion was to grow.

    Returns:
        (T,): 1 as far as asked, 0 not at all, negative the other way; NaN where nothing is asked or a face is missing.
    """
    asked = (change @ expressions().numpy().reshape(change.shape[1], -1)).reshape(len(change), -1, 2)
    asked = asked[:, list(EXPRESSIVE)].astype(np.float64)
    moved = _about_eyes(after) - _about_eyes(before)
    square = np.square(asked).sum(axis=(1, 2))
    share = (moved * asked).sum(axis=(1, 2)) / np.where(square > 0, square, np.nan)
    return share.astype(np.float32)


def _about_eyes(mesh: Floats) -> Doubles:
    """(T, K, 2): the expressive points, to the person's left and up from between the eyes, whose distance is 1."""
    points = mesh[:, list(EXPRESSIVE.values()), :2].astype(np.float64)
    right, left = (mesh[:, point, :2].astype(np.float64) for point in OUTER_EYE_CORNERS)
    along = left - right
    axes = np.stack([along, np.stack([along[:, 1], -along[:, 0]], axis=1)], axis=2)
    return (points - (right + left)[:, None] / 2) @ axes / np.square(along).sum(axis=1)[:, None, None]


def _between_eyes(mesh: Floats) -> Floats:
    """(T,), the distance of the outer eye corners."""
    left, right = (mesh[:, point] for point in OUTER_EYE_CORNERS)
    return np.linalg.norm(left - right, axis=1)

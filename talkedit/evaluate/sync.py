"""How well lips and speech go together, from embeddings of both. Pure: whose embeddings they are, the caller says.

Source: the definitions of SyncNet's published evaluation (Chung and Zisserman, Out of time: automated lip sync in the
wild, 2016; joonson/syncnet_python).
"""

from typing import NamedTuple

import numpy as np

from talkedit.records import Floats

MOST_SHIFT_FRAMES = 15


class SyncScore(NamedTuple):
    """What the distances of lips and shifted speech say.

    Attributes:
        confidence: LSE-C, median minus minimum over the shifts; more is better.
        distance: LSE-D, the minimum over the shifts of the distance, mean over windows; less is better.
        offset_frames: At which shift that is; positive: the speech that fits the lips comes before them.
    """

    confidence: float
    distance: float
    offset_frames: float


def sync_score(lips: Floats, speech: Floats, most_shift: int = MOST_SHIFT_FRAMES) -> SyncScore:
    """Confidence, distance and offset as SyncNet's evaluation has them.

    Variant: Euclidean distances of each window of lips to the speech up to `most_shift` frames before and after it;
    beyond both ends of the speech its embeddings are 0. Each shift's distances are averaged over the windows.

    Args:
        lips: (T, D), an embedding for the window that begins at each frame.
        speech: (T, D), likewise.
        most_shift: Frames.

    Returns:
        NaN, all three, without a window.
    """
    if not len(lips):
        return SyncScore(float("nan"), float("nan"), float("nan"))
    padded = np.pad(speech.astype(np.float64), ((most_shift, most_shift), (0, 0)))
    shifts = range(2 * most_shift + 1)
    distances = np.array([np.linalg.norm(lips - padded[at : at + len(lips)], axis=1).mean() for at in shifts])
    best = int(distances.argmin())
    return SyncScore(float(np.median(distances) - distances[best]), float(distances[best]), most_shift - best)

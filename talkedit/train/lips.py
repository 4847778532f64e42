"""Trains and measures what hears the shape of the lips: what dlib sees, from speech alone."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkedit.models.codes import MEL_RANGE
from talkedit.models.lips import LIP_SHAPE, LipNet, lip_shape
from talkedit.shards.windows import Window
from talkedit.train.processes import ALONE, Processes

SILENT_SHARE = 0.1  # of the clips is also heard without any sound
FRAMES = 16  # of each clip in a step: those of a window say much the same, and these cost no picture
DRAW = 2  # tells this random sequence from the loader's and the negatives'


class Spoken(NamedTuple):
    """What is said at some frames of N clips, and the lips that say it.

    Attributes:
        mel: (N, F, 80, 16).
        shapes: (N, F, 2), as `lip_shape` measures them.
    """

    mel: Tensor
    shapes: Tensor

    def to(self, device: torch.device) -> "Spoken":
        """The same on `device`."""
        return Spoken(self.mel.to(device), self.shapes.to(device))


def draw_spoken(windows: list[Window], seed: int, step: int, processes: Processes = ALONE) -> Spoken:
    """Random frames of each window's clip, wherever in it the window is.

    Args:
        windows: This process's windows.
        seed: Which run.
        step: Which step; a pure function of seed, step and window.
        processes: Who has the others.
    """
    mel, shapes = [], []
    for index, window in enumerate(windows, start=processes.rank * len(windows)):
        clip = window.clip
        rng = np.random.default_rng((seed, step, DRAW, index))
        frames = torch.from_numpy(rng.integers(len(clip.mel), size=FRAMES))
        mel.append(clip.mel[frames])
        shapes.append(lip_shape(clip.landmarks[frames]))
    return Spoken(torch.stack(mel), torch.stack(shapes))


def lip_loss(network: LipNet, spoken: Spoken, processes: Processes = ALONE) -> Tensor:
    """Mean absolute error of opening and width; its unit is the distance of the outer eye corners.

    Sound that is cut off is no sound of the footage, whose silence has a noise of its own. So a share of the clips is
    heard without sound as well, for which the lips should be as in that frame of this step in which they are nearest to
    closed.
    """
    n_clips = len(spoken.mel)
    n_silent = max(round(SILENT_SHARE * n_clips * processes.n), 1)  # of all processes' clips, the first
    silent = torch.full_like(spoken.mel[: max(n_silent - processes.rank * n_clips, 0)], -MEL_RANGE)
    heard = network(torch.cat([spoken.mel, silent]))
    most_closed = processes.all_rows(_most_closed(spoken.shapes.flatten(0, 1)))
    closed = _most_closed(most_closed).expand(len(silent), *spoken.shapes.shape[1:])
    errors = (heard - torch.cat([spoken.shapes, closed])).abs().mean(dim=(1, 2))
    return processes.mean(errors, torch.ones_like(errors))


@torch.no_grad()
def lip_shapes(network: LipNet, spoken: Spoken) -> Tensor:
    """What is heard and what is seen, frame by frame: (2, N * F, 2)."""
    return torch.stack([network(spoken.mel), spoken.shapes]).flatten(1, 2)


def lip_scores(shapes: Tensor) -> dict[str, float]:
    """``lip_opening_r`` and ``lip_width_r``: how what is heard goes with what is seen, (2, N, 2) of `lip_shapes`."""
    return {f"lip_{name}_r": float(torch.corrcoef(shapes[..., at])[0, 1]) for at, name in enumerate(LIP_SHAPE)}


def _most_closed(shapes: Tensor) -> Tensor:
    """(1, 2), the one of N shapes whose opening is least."""
    return shapes[shapes[:, 0].argmin()][None]

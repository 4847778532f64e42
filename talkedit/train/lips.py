"""Trains and measures what hears the shape of the lips: what dlib sees, from speech alone."""

import torch
from torch import Tensor

from talkedit.models.codes import MEL_RANGE
from talkedit.models.lips import LIP_SHAPE, LipNet, lip_shape
from talkedit.shards.windows import Batch
from talkedit.train.processes import ALONE, Processes

SILENT_SHARE = 0.1  # of the windows is also heard without any sound


def lip_loss(network: LipNet, batch: Batch, processes: Processes = ALONE) -> Tensor:
    """Mean absolute error of opening and width; its unit is the distance of the outer eye corners.

    Sound that is cut off is no sound of the footage, whose silence has a noise of its own. So a share of the windows is
    heard without sound as well, for which the lips should be as in that frame of this step in which they are nearest to
    closed.
    """
    wanted = lip_shape(batch.landmarks)
    n_windows = len(batch.mel)
    n_silent = max(round(SILENT_SHARE * n_windows * processes.n), 1)  # of all processes' windows, the first
    silent = torch.full_like(batch.mel[: max(n_silent - processes.rank * n_windows, 0)], -MEL_RANGE)
    heard = network(torch.cat([batch.mel, silent]))
    most_closed = processes.all_rows(_most_closed(wanted.flatten(0, 1)))
    closed = _most_closed(most_closed).expand(len(silent), *wanted.shape[1:])
    errors = (heard - torch.cat([wanted, closed])).abs().mean(dim=(1, 2))
    return processes.mean(errors, torch.ones_like(errors))


@torch.no_grad()
def lip_shapes(network: LipNet, batch: Batch) -> Tensor:
    """What is heard and what is seen, frame by frame: (2, B * T, 2)."""
    return torch.stack([network(batch.mel), lip_shape(batch.landmarks)]).flatten(1, 2)


def lip_scores(shapes: Tensor) -> dict[str, float]:
    """``lip_opening_r`` and ``lip_width_r``: how what is heard goes with what is seen, (2, N, 2) of `lip_shapes`."""
    return {f"lip_{name}_r": float(torch.corrcoef(shapes[..., at])[0, 1]) for at, name in enumerate(LIP_SHAPE)}


def _most_closed(shapes: Tensor) -> Tensor:
    """(1, 2), the one of N shapes whose opening is least."""
    return shapes[shapes[:, 0].argmin()][None]

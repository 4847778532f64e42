"""Trains and measures what hears how far the lips are open: what dlib sees, from speech alone."""

import torch
from torch import Tensor

from talkedit.models.codes import MEL_RANGE
from talkedit.models.lips import LipNet, mouth_opening
from talkedit.shards.windows import Batch
from talkedit.train.processes import ALONE, Processes

SILENT_SHARE = 0.1  # of the windows is also heard without any sound


def lip_loss(network: LipNet, batch: Batch, processes: Processes = ALONE) -> Tensor:
    """Mean absolute error of the opening; its unit is the distance of the outer eye corners.

    Sound that is cut off is no sound of the footage, whose silence has a noise of its own. So a share of the windows is
    heard without sound as well, for which the lips should be as near to closed as they come in this step.
    """
    wanted = mouth_opening(batch.landmarks)
    n_windows = len(batch.mel)
    n_silent = max(round(SILENT_SHARE * n_windows * processes.n), 1)  # of all processes' windows, the first
    silent = torch.full_like(batch.mel[: max(n_silent - processes.rank * n_windows, 0)], -MEL_RANGE)
    heard = network(torch.cat([batch.mel, silent]))
    closed = processes.all_rows(wanted.amin()[None]).amin().expand(len(silent), wanted.shape[1])
    errors = (heard - torch.cat([wanted, closed])).abs().mean(dim=1)
    return processes.mean(errors, torch.ones_like(errors))


@torch.no_grad()
def lip_openings(network: LipNet, batch: Batch) -> Tensor:
    """What is heard and what is seen, frame by frame: (B * T, 2)."""
    return torch.stack([network(batch.mel), mouth_opening(batch.landmarks)], dim=-1).flatten(0, 1)

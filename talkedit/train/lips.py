"""Trains and measures what hears how far the lips are open: what dlib sees, from speech alone."""

import torch
from torch import Tensor

from talkedit.models.codes import MEL_RANGE
from talkedit.models.lips import LipNet, mouth_opening
from talkedit.shards.windows import Batch

SILENT_SHARE = 0.1  # of the windows is also heard without any sound


def lip_loss(network: LipNet, batch: Batch) -> Tensor:
    """Mean absolute error of the opening; its unit is the distance of the outer eye corners.

    Sound that is cut off is no sound of the footage, whose silence has a noise of its own. So a share of the windows is
    heard without sound as well, for which the lips should be as near to closed as they come in this batch.
    """
    wanted = mouth_opening(batch.landmarks)
    silent = torch.full_like(batch.mel[: max(round(SILENT_SHARE * len(batch.mel)), 1)], -MEL_RANGE)
    heard = network(torch.cat([batch.mel, silent]))
    closed = wanted.amin().expand(len(silent), wanted.shape[1])
    return (heard - torch.cat([wanted, closed])).abs().mean()


@torch.no_grad()
def lip_openings(network: LipNet, batch: Batch) -> Tensor:
    """What is heard and what is seen, frame by frame: (B * T, 2)."""
    return torch.stack([network(batch.mel), mouth_opening(batch.landmarks)], dim=-1).flatten(0, 1)

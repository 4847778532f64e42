"""How speech shapes the lips of one person."""

import torch
from torch import Tensor, nn

from talkedit.models.encoders import MEL_BINS, MEL_STEPS
from talkedit.models.lips import N_POINTS

# Of the 42 numbers of a shape, how many are heard, as shares of as many modes. With 4 and 6 (GRID, 1,500
# steps) held-out points are 0.485 and 0.474 px of 256 from those seen; all 42, each by itself, 0.52.
N_MODES = 6


class LipNet(nn.Module):
    """The shape of this person's lips, from the speech: mel windows (B, T, 80, 16) to (B, T, 21, 2), as `lip_shape`.

    Convolutions run along time alone: one voice has its sounds at its own frequencies. A window of 0.6 s is learnt by
    heart where there are seconds of speech, and gains little by 37 minutes (docs/experiments.md). A shape is this
    person's mean and modes (principal components); how much of each, in its standard deviations, is what is heard.

    Args:
        width: Channels of the convolutions.

    Attributes:
        mean: (42,), from `learn_modes`, as are these:
        modes: (N_MODES, 42), of length 1.
        deviations: (N_MODES,), how much of each there is; when trained, as much more as it takes for what is heard to
            move as far (`talkedit.train.lips.match_amplitude`).
    """

    mean: Tensor
    modes: Tensor
    deviations: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        n_numbers = 2 * N_POINTS
        self.register_buffer("mean", torch.zeros(n_numbers))
        self.register_buffer("modes", torch.zeros(N_MODES, n_numbers))
        self.register_buffer("deviations", torch.zeros(N_MODES))
        self.layers = nn.Sequential(
            *_heard(MEL_BINS, width),
            *_heard(width, width),
            nn.MaxPool1d(2),
            *_heard(width, width),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(width * MEL_STEPS // 4, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, N_MODES),
        )

    def learn_modes(self, shapes: Tensor) -> None:
        """Takes mean and modes from shapes (N, 21, 2) of this person."""
        numbers = shapes.flatten(1).double()
        mean = numbers.mean(dim=0)
        variances, modes = torch.linalg.eigh((numbers - mean).T @ (numbers - mean) / len(numbers))  # ascending
        self.mean.copy_(mean)
        self.modes.copy_(modes.T.flip(0)[:N_MODES])
        self.deviations.copy_(variances.flip(0)[:N_MODES].clamp_min(0).sqrt())

    def along_modes(self, difference: Tensor) -> Tensor:
        """What of the difference of two shapes lies along each mode: (..., 21, 2) to (..., N_MODES)."""
        return difference.flatten(-2) @ self.modes.T

    def forward(self, mel: Tensor) -> Tensor:
        heard = self.layers(mel.flatten(0, 1)) * self.deviations
        return (self.mean + heard @ self.modes).unflatten(1, (N_POINTS, 2)).unflatten(0, mel.shape[:2])


def _heard(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(inplace=True)

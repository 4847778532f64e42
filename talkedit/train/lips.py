"""Trains and measures what hears the shape of the lips: what dlib sees, from speech alone."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from talkedit.media.audio import mel_windows
from talkedit.models.codes import MEL_RANGE
from talkedit.models.lip_net import N_MODES, LipNet
from talkedit.models.lips import lip_shape, opening_and_width
from talkedit.records import CLIP_FPS
from talkedit.shards.clips import heads_of
from talkedit.shards.samples import Sample
from talkedit.shards.windows import Window
from talkedit.train.processes import ALONE, Processes

SILENT_SHARE = 0.1  # of the clips is also heard without any sound
FRAMES = 16  # of each clip in a step: those of a window say much the same, and these cost no picture
# What is heard is an expectation, which moves less than lips do: within a clip by 0.93, 0.84, 0.57, 0.59, 0.52 and 0.41
# of the modes' deviations (GRID, as much in held-out clips). A mode that is hardly heard is made this much larger at
# most.
MOST_AMPLIFIED = 2.5
DRAW = 2  # tells this random sequence from the loader's and the negatives'


class Spoken(NamedTuple):
    """What is said at some frames of N clips, and the lips that say it.

    Attributes:
        mel: (N, F, 80, 16).
        shapes: (N, F, 21, 2), as `lip_shape` measures them.
    """

    mel: Tensor
    shapes: Tensor

    def to(self, device: torch.device) -> "Spoken":
        """The same on `device`."""
        return Spoken(self.mel.to(device), self.shapes.to(device))


def learn_modes(network: LipNet, samples: Iterable[Sample]) -> None:
    """Gives the network the person's mean shape and modes, from all frames of these clips."""
    tracks = ((torch.from_numpy(sample.track.landmark_shares()), heads_of(sample)) for sample in samples)
    network.learn_modes(torch.cat([lip_shape(*track) for track in tracks]))


def draw_spoken(windows: list[Window], seed: int, step: int, rank: int = 0) -> Spoken:
    """Random frames of each window's clip, wherever in it the window is.

    Args:
        windows: This process's windows.
        seed: Which run.
        step: Which step; a pure function of seed, step and window.
        rank: Which of the processes has these windows.
    """
    mel, shapes = [], []
    for index, window in enumerate(windows, start=rank * len(windows)):
        clip = window.clip
        rng = np.random.default_rng((seed, step, DRAW, index))
        frames = torch.from_numpy(rng.integers(len(clip.mel), size=FRAMES))
        mel.append(clip.mel[frames])
        shapes.append(clip.lips[frames])
    return Spoken(torch.stack(mel), torch.stack(shapes))


def lip_loss(network: LipNet, spoken: Spoken, processes: Processes = ALONE) -> Tensor:
    """Mean absolute error along the person's modes, in the unit of shapes.

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
    differences = heard - torch.cat([spoken.shapes, closed])
    errors = network.along_modes(differences).abs().mean(dim=(1, 2))
    return processes.mean(errors, torch.ones_like(errors))


@torch.no_grad()
def match_amplitude(network: LipNet, samples: Iterable[Sample]) -> None:
    """Lets what is heard move as far in each mode as the person's lips do, within each of these clips.

    Args:
        network: Trained, in evaluation mode.
        samples: The training clips.
    """
    device = network.deviations.device
    heard, seen = torch.zeros(2, N_MODES, device=device)
    for sample in samples:
        times_s = (np.arange(sample.n_frames) + 0.5) / float(CLIP_FPS)
        mel = torch.from_numpy(mel_windows(sample.mel, times_s)).to(device)
        shapes = lip_shape(torch.from_numpy(sample.track.landmark_shares()), heads_of(sample)).to(device)
        heard += _movement(network, network(mel[None])[0])
        seen += _movement(network, shapes)
    network.deviations *= (seen / heard).sqrt().nan_to_num(1.0, MOST_AMPLIFIED).clamp(1, MOST_AMPLIFIED)


@torch.no_grad()
def openings_and_widths(network: LipNet, spoken: Spoken) -> Tensor:
    """Opening and width as heard and as seen, frame by frame: (2, N * F, 2)."""
    return opening_and_width(torch.stack([network(spoken.mel), spoken.shapes]).flatten(1, 2))


def lip_scores(pairs: Tensor) -> dict[str, float]:
    """``lip_opening_r`` and ``lip_width_r``: how what is heard goes with what is seen.

    Args:
        pairs: (2, N, 2), of `openings_and_widths`.
    """
    names = ("opening", "width")
    return {f"lip_{name}_r": float(torch.corrcoef(pairs[..., at])[0, 1]) for at, name in enumerate(names)}


def _movement(network: LipNet, shapes: Tensor) -> Tensor:
    """(N_MODES,), of a clip's shapes (N, 21, 2): the sum of squares about their mean."""
    return network.along_modes(shapes - shapes.mean(dim=0)).square().sum(dim=0)


def _most_closed(shapes: Tensor) -> Tensor:
    """(1, 21, 2), the one of N shapes whose opening is least."""
    return shapes[opening_and_width(shapes)[:, 0].argmin(dim=0, keepdim=True)]

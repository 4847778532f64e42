"""What hears how far the lips are open: its loss by hand, and that it learns a voice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.lips import LipNet, mouth_opening
from talkedit.shards.clips import load_clip
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.lips import lip_loss, lip_openings

from .talkers import loudness, make_talker
from .windows import PX, T, window

N_FRAMES = 80
HEARD_AFTER_SECONDS = 0.8  # correlation with what is seen, on a clip that was not heard


class Says(nn.Module):
    """Always the same opening."""

    def __init__(self, opening: float) -> None:
        super().__init__()
        self.opening, self.heard = opening, list[Tensor]()

    def forward(self, mel: Tensor) -> Tensor:
        self.heard.append(mel)
        return torch.full(mel.shape[:2], self.opening)


def talking(seed: int) -> Batch:
    """A clip's windows, whose lips are as open as the voice is loud: 0 to 0.4 of the distance of the eyes."""
    sample = make_talker("talker", "train", seed, n_frames=N_FRAMES)
    points = sample.track.landmarks_px.copy()
    eyes = torch.from_numpy(points[:, 45] - points[:, 36]).norm(dim=1).numpy()
    points[:, 62] = points[:, 66]
    points[:, 66, 1] += 0.4 * loudness(N_FRAMES, seed) * eyes
    clip = load_clip(replace(sample, track=replace(sample.track, landmarks_px=points)), PX)
    return to_batch([window(clip, first) for first in range(0, N_FRAMES - T, T)])


def test_the_loss_is_the_opening_s_error_and_without_sound_the_lips_are_closed() -> None:
    batch = talking(1)
    wanted, says = mouth_opening(batch.landmarks), Says(0.1)
    n_silent = 2  # a tenth of 15 windows, rounded
    closed = (wanted.min() - 0.1).abs() * n_silent * T
    expected = ((wanted - 0.1).abs().sum() + closed) / (wanted.numel() + n_silent * T)
    torch.testing.assert_close(lip_loss(says, batch), expected)  # type: ignore[arg-type]
    (heard,) = says.heard
    assert len(heard) == len(batch.mel) + n_silent
    assert (heard[len(batch.mel) :] == -4).all()


def test_what_is_heard_stands_beside_what_is_seen() -> None:
    batch = talking(2)
    pairs = lip_openings(Says(0.3), batch)  # type: ignore[arg-type]
    assert pairs.shape == (batch.mel.shape[0] * T, 2)
    assert pairs[:, 0].tolist() == pytest.approx([0.3] * len(pairs))
    torch.testing.assert_close(pairs[:, 1], mouth_opening(batch.landmarks).flatten())


def test_it_learns_to_hear_how_far_the_lips_are_open() -> None:
    torch.manual_seed(0)
    network = LipNet(4, 8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    batches = [talking(seed) for seed in range(3)]
    for step in range(120):
        optimizer.zero_grad()
        lip_loss(network, batches[step % 3]).backward()
        optimizer.step()
    pairs = lip_openings(network.eval(), talking(9))
    assert float(torch.corrcoef(pairs.T)[0, 1]) > HEARD_AFTER_SECONDS
    silent = network(torch.full((1, T, 80, 16), -4.0)).detach()
    assert float(silent.mean()) < 0.25 * float(pairs[:, 1].max())

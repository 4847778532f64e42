"""What hears the shape of the lips: its loss by hand, and that it learns a voice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.lips import LipNet, lip_shape
from talkedit.shards.clips import load_clip
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.lips import lip_loss, lip_scores, lip_shapes

from .talkers import loudness, make_talker
from .windows import PX, T, window

N_FRAMES = 80
HEARD_AFTER_SECONDS = 0.8  # correlation with what is seen, on a clip that was not heard


class Says(nn.Module):
    """Always the same opening and width."""

    def __init__(self, opening: float, width: float) -> None:
        super().__init__()
        self.shape, self.heard = torch.tensor([opening, width]), list[Tensor]()

    def forward(self, mel: Tensor) -> Tensor:
        self.heard.append(mel)
        return self.shape.expand(*mel.shape[:2], 2)


def talking(seed: int) -> Batch:
    """A clip's windows, whose lips are as open as the voice is loud, and the narrower.

    0 to 0.4 of the distance of the eyes; 0.8 to 0.6.
    """
    sample = make_talker("talker", "train", seed, n_frames=N_FRAMES)
    points = sample.track.landmarks_px.copy()
    eyes = torch.from_numpy(points[:, 45] - points[:, 36]).norm(dim=1).numpy()
    points[:, 62] = points[:, 66]
    points[:, 66, 1] += 0.4 * loudness(N_FRAMES, seed) * eyes
    points[:, 48] = points[:, 54]
    points[:, 54, 0] += (0.8 - 0.2 * loudness(N_FRAMES, seed)) * eyes
    clip = load_clip(replace(sample, track=replace(sample.track, landmarks_px=points)), PX)
    return to_batch([window(clip, first) for first in range(0, N_FRAMES - T, T)])


def test_the_loss_is_the_shape_s_error_and_without_sound_the_lips_are_closed() -> None:
    batch = talking(1)
    wanted, says = lip_shape(batch.landmarks), Says(0.1, 0.7)
    n_silent = 2  # a tenth of 15 windows, rounded
    most_closed = wanted.flatten(0, 1)[wanted[..., 0].argmin()]
    closed = (most_closed - says.shape).abs().sum() * n_silent * T
    expected = ((wanted - says.shape).abs().sum() + closed) / (wanted.numel() + 2 * n_silent * T)
    torch.testing.assert_close(lip_loss(says, batch), expected)  # type: ignore[arg-type]
    (heard,) = says.heard
    assert len(heard) == len(batch.mel) + n_silent
    assert (heard[len(batch.mel) :] == -4).all()


def test_what_is_heard_stands_beside_what_is_seen() -> None:
    batch = talking(2)
    heard, seen = lip_shapes(Says(0.3, 0.7), batch)  # type: ignore[arg-type]
    assert heard.tolist() == [pytest.approx([0.3, 0.7])] * (batch.mel.shape[0] * T)
    torch.testing.assert_close(seen, lip_shape(batch.landmarks).flatten(0, 1))


def test_openings_and_widths_are_scored_by_themselves() -> None:
    opening, width = torch.tensor([0.0, 0.1, 0.3, 0.1]), torch.tensor([0.7, 0.5, 0.6, 0.6])
    shapes = torch.stack([torch.stack([opening, width], dim=1), torch.stack([2 * opening, 1 - width], dim=1)])
    assert lip_scores(shapes) == pytest.approx({"lip_opening_r": 1, "lip_width_r": -1})


def test_it_learns_to_hear_the_shape_of_the_lips() -> None:
    torch.manual_seed(0)
    network = LipNet(4, 8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    batches = [talking(seed) for seed in range(3)]
    for step in range(120):
        optimizer.zero_grad()
        lip_loss(network, batches[step % 3]).backward()
        optimizer.step()
    shapes = lip_shapes(network.eval(), talking(9))
    assert all(float(torch.corrcoef(shapes[..., at])[0, 1]) > HEARD_AFTER_SECONDS for at in range(2))
    opening, width = network(torch.full((1, T, 80, 16), -4.0)).detach().mean(dim=(0, 1)).tolist()
    assert opening < 0.25 * float(shapes[1, :, 0].max())
    assert width > float(shapes[1, :, 1].mean())  # most closed is widest here

"""The eye network's training and its errors, by hand."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.landmarks import eye_points
from talkedit.shards.clips import load_clip
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.eyes import eye_errors, eye_loss

from .. import tiny
from .windows import PX, T, window


@pytest.fixture
def batch() -> Batch:
    clip = load_clip(tiny.corpus()[0], PX)
    return to_batch([window(clip, 0)])


class Knows(nn.Module):
    """Gives the truth of some frames, with the lids of the right eye moved apart."""

    def __init__(self, truth: Tensor, lids_share: float) -> None:
        super().__init__()
        self.answer = truth.clone()
        self.answer[:, 0, [1, 2], 1] -= lids_share
        self.places: list[Tensor] = []

    def forward(self, images: Tensor, places: Tensor) -> Tensor:
        assert images.shape == (T, 3, PX, PX)
        assert images.max() <= 1
        self.places.append(places)
        return self.answer


def test_the_loss_is_the_points_distance_and_the_error_of_the_aspect_ratio(batch: Batch) -> None:
    truth = eye_points(batch.source_landmarks[0])
    right = (truth[:, 0, 0] - truth[:, 0, 3]).norm(dim=-1)
    unit = (truth[:, 0, 0] - truth[:, 1, 3]).norm(dim=-1)
    network = Knows(truth, 0.01)
    loss = eye_loss(network, batch, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    # Two of twelve points are 0.01 off, and one eye of two is 0.01 more open at both pairs of lids.
    expected = 2 / 12 * 0.01 / unit + 0.5 * 2 * 0.01 / (2 * right)
    torch.testing.assert_close(loss, expected.mean(), rtol=0.01, atol=0)


def test_patches_are_placed_a_little_wrong_in_training_alone(batch: Batch) -> None:
    truth = eye_points(batch.source_landmarks[0])
    centres = (truth[:, :, 0] + truth[:, :, 3]) / 2
    network = Knows(truth, 0.0)
    eye_loss(network, batch, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    eye_errors(network, batch, 0.15, 0.35)  # type: ignore[arg-type]
    off = (network.places[0][..., :2] - centres).abs()
    assert 0 < off.mean() < 0.02
    torch.testing.assert_close(network.places[1][..., :2], centres)


def test_errors_by_hand(batch: Batch) -> None:
    truth = eye_points(batch.landmarks[0])
    flat = truth.clone()
    flat[:, :, [1, 2, 4, 5]] = flat[:, :, [0]]  # lids that touch: the aspect ratio is 0, the openness too
    network = Knows(flat, 0.0)
    batch = batch._replace(eye_openness=torch.tensor([[0.5, 0.0, 1.0, 0.25, 0.75]]))
    errors = eye_errors(network, batch, 0.15, 0.35)  # type: ignore[arg-type]
    assert errors["openness_error"] == pytest.approx(0.5)
    network = Knows(truth + torch.tensor([0.03, 0.04]), 0.0)
    assert eye_errors(network, batch, 0.15, 0.35)["eye_error_px256"] == pytest.approx(256 * 0.05, rel=1e-4)  # type: ignore[arg-type]


def test_a_frame_of_the_clip_is_looked_at_that_is_not_of_the_window(batch: Batch) -> None:
    assert dataclasses.is_dataclass(tiny.corpus()[0])
    other = batch._replace(target=batch.target * 0)
    network = Knows(eye_points(batch.source_landmarks[0]), 0.0)
    assert eye_loss(network, other, torch.Generator().manual_seed(0)) < 1e-6  # type: ignore[arg-type]

"""The eye network's training and its errors, by hand."""

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.landmarks import EyeNet, eye_aspect_ratio, eye_places, eye_points
from talkedit.shards.clips import load_clip
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.eyes import eye_errors, eye_loss

from .. import tiny
from .eyes import EAR_CLOSED, EAR_OPEN, draw_eyes
from .windows import PX, T, make_clip, window

DRAWN_PX = 64


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
    truth = eye_points(batch.source_landmarks[0])
    flat = truth.clone()
    flat[:, :, [1, 2, 4, 5]] = flat[:, :, [0]]  # lids that touch: the aspect ratio is 0, the openness too
    network = Knows(flat, 0.0)
    batch = batch._replace(source_eye_openness=torch.tensor([[0.5, 0.0, 1.0, 0.25, 0.75]]))
    errors = eye_errors(network, batch, 0.15, 0.35)  # type: ignore[arg-type]
    assert errors["openness_error"] == pytest.approx(0.5)
    network = Knows(truth + torch.tensor([0.03, 0.04]), 0.0)
    assert eye_errors(network, batch, 0.15, 0.35)["eye_error_px256"] == pytest.approx(256 * 0.05, rel=1e-4)  # type: ignore[arg-type]


def test_a_frame_of_the_clip_is_looked_at_that_is_not_of_the_window(batch: Batch) -> None:
    other = batch._replace(target=batch.target * 0)
    network = Knows(eye_points(batch.source_landmarks[0]), 0.0)
    assert eye_loss(network, other, torch.Generator().manual_seed(0)) < 1e-6  # type: ignore[arg-type]


def drawn(n_windows: int, seed: int) -> Batch:
    """Windows of drawn eyes, sources and targets alike."""
    generator = torch.Generator().manual_seed(seed)
    openness = torch.rand(n_windows * T, generator=generator)
    pictures, landmarks = (each.unflatten(0, (n_windows, T)) for each in draw_eyes(openness, DRAWN_PX, generator))
    batch = to_batch([window(make_clip("one", [0.0] * T), 0)] * n_windows)
    return batch._replace(
        target=pictures,
        source=pictures,
        landmarks=landmarks,
        source_landmarks=landmarks,
        eye_openness=openness.unflatten(0, (n_windows, T)),
        source_eye_openness=openness.unflatten(0, (n_windows, T)),
    )


# Seconds of training give 0.042 on these eyes, open evenly from 0 to 1; guessing the mean gives 0.25.
OPENNESS_AFTER_SECONDS = 0.06


@pytest.fixture(scope="module")
def trained() -> EyeNet:
    """A network that has looked at drawn eyes for some seconds."""
    torch.manual_seed(0)
    network = EyeNet(8)
    optimizer, n_steps = torch.optim.Adam(network.parameters()), 400
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1.0, 2 * (1 - step / n_steps))
        optimizer.zero_grad()
        eye_loss(network, drawn(8, step), torch.Generator().manual_seed(step)).backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def test_drawn_eyes_are_as_open_as_they_should_be() -> None:
    batch = drawn(4, 0)
    openness = (eye_aspect_ratio(eye_points(batch.landmarks.flatten(0, 1))) - EAR_CLOSED) / (EAR_OPEN - EAR_CLOSED)
    torch.testing.assert_close(openness, batch.eye_openness.flatten())


def test_the_openness_of_eyes_that_were_not_seen_is_about_right(trained: EyeNet) -> None:
    errors = eye_errors(trained, drawn(40, seed=10_000), EAR_CLOSED, EAR_OPEN)
    assert errors["openness_error"] < OPENNESS_AFTER_SECONDS


def test_gradient_descent_on_pixels_closes_the_eyes_and_touches_nothing_else(trained: EyeNet) -> None:
    generator = torch.Generator().manual_seed(5)
    pictures, landmarks = draw_eyes(torch.ones(4), DRAWN_PX, generator)
    before, eyes = pictures.float() / 255, eye_points(landmarks)
    places = eye_places(eyes)
    after = close_eyes(trained, before, places)
    assert openness(trained(before, places)).min() > 0.8
    assert openness(trained(after, places)).max() < 0.1
    change = (after - before).square().sum(dim=1)
    at_lids = torch.stack([_near(eye, DRAWN_PX) for eye in eyes])
    assert at_lids.float().mean() < 0.1  # of the picture
    assert ((change * at_lids).sum(dim=(1, 2)) > 0.9 * change.sum(dim=(1, 2))).all()
    # Skin comes down over the eyes: they change towards the same ones drawn shut.
    shut = draw_eyes(torch.zeros(4), DRAWN_PX, torch.Generator().manual_seed(5))[0].float() / 255
    towards = torch.cosine_similarity((after - before).flatten(1), (shut - before).flatten(1))
    assert towards.min() > 0.4


def close_eyes(network: EyeNet, pictures: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Plain gradient descent on the pixels, down to the eye aspect ratio of closed eyes."""
    pictures = pictures.clone()
    for _ in range(60):
        pictures.requires_grad_()
        open_by = (eye_aspect_ratio(network(pictures, places)) - EAR_CLOSED).clamp_min(0)
        (gradient,) = torch.autograd.grad(open_by.sum(), pictures)
        largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-9)
        pictures = (pictures - 0.02 * gradient / largest).clamp(0, 1).detach()
    return pictures


def openness(eyes: torch.Tensor) -> torch.Tensor:
    return ((eye_aspect_ratio(eyes) - EAR_CLOSED) / (EAR_OPEN - EAR_CLOSED)).clamp(0, 1)


def _near(eyes: torch.Tensor, px: int) -> torch.Tensor:
    """(px, px) bool: where the eyes of a picture and their lids are."""
    y, x = torch.meshgrid(*[(torch.arange(px) + 0.5) / px] * 2, indexing="ij")
    near = torch.zeros(px, px, dtype=torch.bool)
    for eye in eyes:
        (middle_x, middle_y), width = ((eye[0] + eye[3]) / 2).tolist(), float((eye[0] - eye[3]).norm())
        near |= ((x - middle_x).abs() < 0.65 * width) & ((y - middle_y).abs() < 0.4 * width)
    return near

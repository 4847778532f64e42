"""The eye network: where it looks, what its answer means, and that a loss on it reaches the pixels."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from talkedit.face import geometry
from talkedit.models import landmarks, losses
from talkedit.models.landmarks import PATCH_PX, EyeNet, evenly_lit, eye_aspect_ratio, eye_places, eye_points

from .. import tiny

FRAMES = 2


def truth() -> Tensor:
    """(2, 2, 6, 2): the eyes of the made-up person."""
    landmarks = torch.from_numpy(tiny.corpus()[0].track.landmarks_px[:FRAMES])
    return eye_points(landmarks / tiny.CROP_PX)


def test_the_right_eye_comes_first() -> None:
    landmarks = torch.arange(68.0).view(1, 68, 1).expand(1, 68, 2)
    assert eye_points(landmarks)[0, :, :, 0].tolist() == [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]]


def test_the_eye_aspect_ratio_is_that_of_the_extractor() -> None:
    landmarks = np.random.default_rng(0).random((6, 68, 2)).astype(np.float32)
    ours = eye_aspect_ratio(eye_points(torch.from_numpy(landmarks)))
    np.testing.assert_allclose(ours.numpy(), geometry.eye_aspect_ratio(landmarks), rtol=1e-5)


def test_the_eye_aspect_ratio_of_no_eye_is_finite() -> None:
    assert torch.isfinite(eye_aspect_ratio(torch.zeros(1, 2, 6, 2))).all()


def test_a_patch_lies_between_the_corners_and_is_twice_as_wide() -> None:
    eyes = torch.full((1, 2, 6, 2), 9.0)  # lids do not count
    eyes[0, 0, [0, 3]] = torch.tensor([[0.2, 0.4], [0.4, 0.4]])
    eyes[0, 1, [0, 3]] = torch.tensor([[0.5, 0.5], [0.53, 0.54]])  # 0.05 wide: a 3-4-5 triangle
    expected = torch.tensor([[[0.3, 0.4, 0.4], [0.515, 0.52, 0.1]]])
    torch.testing.assert_close(eye_places(eyes), expected)


def test_the_network_is_shown_the_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    # Red is a pixel's x and green its y, as shares of the side.
    side_px = 100
    ramp = (torch.arange(side_px) + 0.5) / side_px
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    network, seen = EyeNet(4), list[Tensor]()

    def see(patches: Tensor) -> Tensor:
        seen.append(patches)
        return patches

    monkeypatch.setattr(landmarks, "evenly_lit", see)
    network(torch.stack([x, y, 0 * x])[None], torch.tensor([[[0.3, 0.4, 0.4], [0.7, 0.5, 0.2]]]))
    patches = seen[0]
    height, width = PATCH_PX
    assert patches.shape == (2, 3, height, width)
    # Middles (0.3, 0.4) and (0.7, 0.5), 0.4 and 0.2 wide and half as high.
    for patch, (left, top, side) in zip(patches, [(0.1, 0.3, 0.4), (0.6, 0.45, 0.2)], strict=True):
        pixel = side / width
        first, last_x, last_y = pixel / 2, side - pixel / 2, side / 2 - pixel / 2
        torch.testing.assert_close(patch[:2, 0, 0], torch.tensor([left + first, top + first]))
        torch.testing.assert_close(patch[:2, -1, 0], torch.tensor([left + first, top + last_y]))
        torch.testing.assert_close(patch[:2, 0, -1], torch.tensor([left + last_x, top + first]))


def test_light_and_contrast_are_taken_out_and_pass_no_gradient() -> None:
    # Reds of 0.1 and 0.5 alternate, green is 0.4, blue 0.2: 0.2 from the mean in a third of the values.
    patch = torch.tensor([0.1, 0.4, 0.2])[None, :, None, None].repeat(1, 1, 2, 2)
    patch[0, 0, :, 1] = 0.5
    patch.requires_grad_()
    lit = evenly_lit(patch)
    contrast = (0.2**2 / 3) ** 0.5
    expected = torch.zeros(1, 3, 2, 2)
    expected[0, 0] = torch.tensor([-0.2, 0.2]) / contrast
    torch.testing.assert_close(lit, expected)
    torch.testing.assert_close(evenly_lit(0.5 * patch + 0.3), expected)
    (gradient,) = torch.autograd.grad(lit.sum(), patch)  # 0 if the mean passed one
    torch.testing.assert_close(gradient, torch.full((1, 3, 2, 2), 1 / contrast))


def test_a_patch_of_one_colour_is_finite() -> None:
    assert not evenly_lit(torch.full((1, 3, 2, 2), 0.3)).any()


def test_its_answer_is_in_sides_of_the_patch_from_its_middle() -> None:
    network = EyeNet(4)
    last = network.layers[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([0.5, -0.25] + [0.0] * 10))
        found = network(torch.rand(1, 3, 24, 24), torch.tensor([[[0.3, 0.4, 0.4], [0.7, 0.5, 0.2]]]))
    assert found.shape == (1, 2, 6, 2)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([[0.5, 0.3], [0.8, 0.45]]))
    torch.testing.assert_close(found[0, :, 5], torch.tensor([[0.3, 0.4], [0.7, 0.5]]))


def test_the_blink_loss_reaches_the_pixels_of_the_eyes() -> None:
    torch.manual_seed(0)
    network = EyeNet(4).requires_grad_(False).eval()
    images = torch.rand(FRAMES, 3, 40, 40, requires_grad=True)
    losses.blink(network(images, eye_places(truth())), truth()).backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    strength = images.grad.abs().sum(dim=1)
    for frame in range(FRAMES):
        for x, y in (truth()[frame].mean(dim=1) * 40).int():
            assert strength[frame, y, x] > 0
    assert strength[:, 30:].max() == 0  # the chin


def test_the_same_weights_serve_both_eyes() -> None:
    network, image = EyeNet(4).eval(), torch.rand(1, 3, 40, 40)
    here, there = torch.tensor([0.3, 0.4, 0.2]), torch.tensor([0.6, 0.5, 0.3])
    with torch.no_grad():
        one = network(image, torch.stack([here, there])[None])
        other = network(image, torch.stack([there, here])[None])
    torch.testing.assert_close(one, other.flip(1), atol=1e-5, rtol=0)


def test_the_eye_aspect_ratio_by_hand() -> None:
    # (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|): (2 + 4) / (2 * 6) = 0.5; the other eye, of half the height, 0.25.
    eye = torch.tensor([[0.0, 0.0], [2.0, 1.0], [4.0, 2.0], [6.0, 0.0], [4.0, -2.0], [2.0, -1.0]])
    eyes = torch.stack([eye, eye * torch.tensor([1.0, 0.5])])[None]
    torch.testing.assert_close(eye_aspect_ratio(eyes), torch.tensor([0.375]))

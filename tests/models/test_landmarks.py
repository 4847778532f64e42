import numpy as np
import pytest
import torch

from talkedit.face import geometry
from talkedit.models import losses
from talkedit.models.landmarks import LandmarkNet, eye_aspect_ratio, mean_positions

from .. import tiny


def test_the_eye_aspect_ratio_is_that_of_the_extractor() -> None:
    landmarks = np.random.default_rng(0).random((6, 68, 2)).astype(np.float32)
    ours = eye_aspect_ratio(torch.from_numpy(landmarks))
    np.testing.assert_allclose(ours.numpy(), geometry.eye_aspect_ratio(landmarks), rtol=1e-5)


def test_the_eye_aspect_ratio_of_a_flat_eye_is_finite() -> None:
    points = torch.zeros(1, 68, 2, requires_grad=True)
    assert torch.isfinite(eye_aspect_ratio(points)).all()


def test_the_blink_loss_reaches_the_pixels() -> None:
    torch.manual_seed(0)
    network = LandmarkNet(4).requires_grad_(False).eval()
    images = torch.rand(2, 3, 24, 24, requires_grad=True)
    truth = torch.from_numpy(tiny.corpus()[0].track.landmarks_px[:2]) / tiny.CROP_PX
    losses.blink(network(images), truth).backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert all(images.grad[index].abs().max() > 0 for index in range(2))


def test_the_mean_position_under_a_heat_map_by_hand() -> None:
    heat = torch.zeros(1, 3, 2, 2)
    heat[0, 1, 0, 1] = 1e3  # all in the pixel right above: its centre is at (0.75, 0.25)
    heat[0, 2] = torch.tensor([[1.0, 3.0], [1.0, 3.0]]).log()  # 1/4 to the left, 3/4 to the right
    expected = torch.tensor([[[0.5, 0.5], [0.75, 0.25], [0.25 / 4 + 0.75 * 3 / 4, 0.5]]])
    torch.testing.assert_close(mean_positions(heat), expected)


@pytest.mark.parametrize("image_px", [16, 24, 48])
def test_the_points_lie_in_the_crop(image_px: int) -> None:
    found = LandmarkNet(4)(torch.rand(2, 3, image_px, image_px))
    assert found.shape == (2, 68, 2)
    assert 0 < found.min() < found.max() < 1

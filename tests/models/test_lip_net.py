"""What hears the shape of the lips: the person's mean and modes, and one shape a frame."""

import pytest
import torch

from talkedit.models.lip_net import N_MODES, LipNet
from talkedit.models.lips import N_POINTS


def shapes() -> torch.Tensor:
    """(2000, 21, 2) about one mean, of which two coordinates differ, with deviations of 0.2 and 0.1."""
    torch.manual_seed(0)
    many = torch.linspace(0, 1, 2 * N_POINTS).repeat(2000, 1)
    many[:, 0] += 0.2 * torch.randn(2000)
    many[:, -1] += 0.1 * torch.randn(2000)
    return many.unflatten(1, (N_POINTS, 2))


def test_modes_are_those_in_which_the_person_s_shapes_differ() -> None:
    network = LipNet(4)
    network.learn_modes(shapes())
    torch.testing.assert_close(network.mean, shapes().flatten(1).mean(dim=0))
    assert network.deviations.tolist() == [pytest.approx(0.2, rel=0.05), pytest.approx(0.1, rel=0.05), *[0] * 4]
    assert network.modes[:2].abs().argmax(dim=1).tolist() == [0, 2 * N_POINTS - 1]
    torch.testing.assert_close(network.modes @ network.modes.T, torch.eye(N_MODES))
    step = torch.zeros(3, N_POINTS, 2)
    step[:, 0, 0] = 0.5
    assert network.along_modes(step).abs()[:, 0].tolist() == pytest.approx([0.5] * 3, abs=0.01)


def test_a_shape_is_heard_a_frame_and_is_one_of_the_person_s() -> None:
    torch.manual_seed(0)
    mel, network = torch.randn(2, 3, 80, 16), LipNet(4).eval()
    network.learn_modes(shapes())
    heard = network(mel)
    assert heard.shape == (2, 3, N_POINTS, 2)
    changed = mel.clone()
    changed[1, 2] += 1
    assert (network(changed) != heard).any(dim=(2, 3)).nonzero().tolist() == [[1, 2]]
    never_moves = (shapes().std(dim=0) == 0).flatten()
    assert torch.equal(heard.flatten(2)[..., never_moves], network.mean[never_moves].expand(2, 3, -1))

"""Hopenet computes what its authors' layout says, to rounding."""

import torch

from talkedit.models.hopenet import Hopenet, expected_deg

from ..checkpoints import hopenet_state, plain_hopenet

TOLERANCE_DEG = 1e-5


def test_names_and_shapes_are_the_published_ones() -> None:
    counters = "num_batches_tracked"  # of batch norms, which those of 2017 had not
    own = {key: value.shape for key, value in Hopenet().state_dict().items() if not key.endswith(counters)}
    assert own == {key: value.shape for key, value in hopenet_state().items()}
    assert len(own) == 53 * 5 + 8
    assert own["layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert own["fc_finetune.weight"] == (3, 2051)


def test_it_computes_what_a_plain_build_does() -> None:
    network, state = Hopenet().eval(), hopenet_state()
    network.load_state_dict(state)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)).double()
    exact = type(state)((key, value.double()) for key, value in state.items())
    with torch.inference_mode():
        found, expected = network.double()(images), plain_hopenet(exact, images)
    assert found.std(dim=0).min() > 100 * TOLERANCE_DEG  # it looks at the picture
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE_DEG)


def test_angles_are_the_mean_of_the_bins() -> None:
    scores = torch.full((3, 66), -100.0)
    scores[0, 33] = scores[1, 0] = scores[2, 40] = scores[2, 41] = 100
    torch.testing.assert_close(expected_deg(scores), torch.tensor([0.0, -99.0, 22.5]))

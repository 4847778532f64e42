"""The image discriminator."""

import torch

from talkedit.models.realism import PatchDiscriminator

PATCH_PX = 22
WEIGHTS_ABOUT_ONE = 1.3  # spectral norm by power iteration is nearly, not exactly, reached


def test_an_answer_every_eight_pixels_that_sees_a_patch() -> None:
    network = PatchDiscriminator(4).eval()
    images = torch.rand(2, 3, 48, 48)
    answers = network(images)
    assert answers.shape == (2, 1, 6, 6)
    changed = images.clone()
    changed[0, :, 20, 20] = 1 - changed[0, :, 20, 20]
    touched = (network(changed) != answers)[0, 0].nonzero()
    assert len(touched) > 0
    assert (changed[1] == images[1]).all()
    # The answer at i looks at the pixels from 8 i - 7 up to 8 i + 14.
    assert all(8 * int(i) - 7 <= 20 <= 8 * int(i) + 14 for i in touched.flatten())


def test_it_cannot_grow_sure_by_large_weights() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(100)
    for _ in range(20):
        network(torch.rand(2, 3, 32, 32))
    convolution = network.eval().layers[0]
    assert torch.linalg.matrix_norm(convolution.weight.flatten(1), 2) < WEIGHTS_ABOUT_ONE

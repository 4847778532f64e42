"""The perceptual term's weights, as the asset holds them."""

import h5py
import numpy as np
import pytest
import torch

from talkedit import assets
from talkedit.errors import AssetError
from talkedit.train import vgg
from talkedit.train.vgg import CAFFE_MEAN_BGR, load_vgg


def test_none_is_none() -> None:
    assert load_vgg("none") is None


def test_hed_s_weights_compute_what_the_file_says() -> None:
    network = load_vgg("vgg16_hed")
    assert network is not None
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert [len(block) for block in network.blocks] == [2, 2, 3]  # type: ignore[arg-type]

    # One pixel of the first layer, summed up by hand from the file: kernels are (y, x, BGR, output).
    with h5py.File(assets.fetch("vgg16_hed")) as file:
        kernel, bias = (np.asarray(file[f"block1/layers/conv2d/vars/{index}"]) for index in (0, 1))
    rgb = np.random.default_rng(0).random((3, 3, 3)).astype(np.float32)  # y, x, RGB
    caffe = rgb[..., ::-1] * 255 - np.array(CAFFE_MEAN_BGR)
    expected = (kernel * caffe[..., None]).sum(axis=(0, 1, 2)) + bias
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    first = network.blocks[0][0]  # type: ignore[index]
    shown: list[torch.Tensor] = []
    first.register_forward_hook(lambda _module, _inputs, output: shown.append(output))
    with torch.no_grad():
        network(image.repeat(1, 1, 4, 4))  # large enough for two poolings
    np.testing.assert_allclose(shown[0][0, :, 1, 1].numpy(), expected, rtol=1e-3, atol=1e-2)


def test_weights_of_another_network_are_refused() -> None:
    convolution = torch.nn.Conv2d(3, 64, 3)
    with pytest.raises(
        AssetError, match=r"vgg16_hed: holds a kernel of shape \(64, 3, 5, 5\) where VGG-16 has another"
    ):
        vgg._copy("vgg16_hed", [convolution], [(torch.zeros(64, 3, 5, 5), torch.zeros(64))])

"""The perceptual term's weights, as the asset holds them."""

import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from talkedit import assets
from talkedit.asset_list import ASSETS, Url
from talkedit.errors import AssetError
from talkedit.manifest import file_sha256
from talkedit.models.perceptual import VGG16_BLOCKS
from talkedit.train import vgg
from talkedit.train.vgg import CAFFE_MEAN_BGR, load_vgg

from ..checkpoints import Layout, save_as_then
from ..servers import serve


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


@pytest.mark.parametrize("n_weights", [0, 1])
def test_weights_that_are_too_few_are_refused(n_weights: int) -> None:
    convolutions = [torch.nn.Conv2d(3, 64, 3), torch.nn.Conv2d(64, 64, 3)]
    weights = [(torch.zeros(64, 3, 3, 3), torch.zeros(64))] * n_weights
    with pytest.raises(AssetError, match=rf"vgg16_hed: holds {n_weights} convolutions where VGG-16 has 2 or more"):
        vgg._copy("vgg16_hed", convolutions, weights)


def test_without_h5py_another_network_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(AssetError, match=r"vgg16_hed: needs the package h5py; install it, or choose another"):
        load_vgg("vgg16_hed")


def test_weights_of_another_network_are_refused() -> None:
    convolution = torch.nn.Conv2d(3, 64, 3)
    with pytest.raises(
        AssetError, match=r"vgg16_hed: holds a kernel of shape \(64, 3, 5, 5\) where VGG-16 has another"
    ):
        vgg._copy("vgg16_hed", [convolution], [(torch.zeros(64, 3, 5, 5), torch.zeros(64))])


def test_imagenet_s_weights_are_read_from_the_published_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(0, tracked=False)
    indices = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    for index, (n_in, n_out) in zip(indices, chain.from_iterable(VGG16_BLOCKS), strict=True):
        layout.conv(f"features.{index}", n_out, n_in, 3, 3)
        layout.state[f"features.{index}.bias"] = torch.full((n_out,), 0.1 * index)
    layout.linear("classifier.6", 1000, 64)
    save_as_then(layout.state, tmp_path / "vgg16.pth", python=2)
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve((tmp_path / "vgg16.pth").read_bytes()) as address:
        source, sha256 = Url(f"{address}/vgg16.pth"), file_sha256(tmp_path / "vgg16.pth")
        monkeypatch.setitem(ASSETS, "vgg16_imagenet", replace(ASSETS["vgg16_imagenet"], source=source, sha256=sha256))
        network = load_vgg("vgg16_imagenet")
    assert network is not None
    last = network.blocks[2][2]  # type: ignore[index]
    torch.testing.assert_close(last.weight, layout.state["features.14.weight"])
    assert last.bias[0] == pytest.approx(1.4)


def test_without_imagenet_s_weights_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve(b"") as address:
        asset = replace(ASSETS["vgg16_imagenet"], source=Url(f"{address}/missing"))
        monkeypatch.setitem(ASSETS, "vgg16_imagenet", asset)
        with pytest.raises(AssetError, match=r"vgg16_imagenet: .*404.*set loss\.perceptual_net to vgg16_hed"):
            load_vgg("vgg16_imagenet")

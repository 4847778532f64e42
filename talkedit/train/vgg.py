"""Weights for the perceptual loss's features, each from the one place that its name says."""

from itertools import chain
from typing import Any

import torch
from torch import nn

from talkedit import assets
from talkedit.errors import AssetError
from talkedit.models.perceptual import Vgg16Features

JOHNSON_BLOCKS = 3  # up to relu3_3
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CAFFE_MEAN_BGR = [104.007, 116.669, 122.679]


def load_vgg(name: str) -> Vgg16Features | None:
    """The frozen feature network that `loss.perceptual_net` names; None for ``none``.

    Raises:
        AssetError: The weights cannot be had, are not of VGG-16, or need a library that is missing.
    """
    if name == "none":
        return None
    if name == "vgg16_hed":
        network = Vgg16Features(JOHNSON_BLOCKS, CAFFE_MEAN_BGR, [1.0] * 3, bgr_255=True)
        weights = _hed_weights()
    else:
        network = Vgg16Features(JOHNSON_BLOCKS, IMAGENET_MEAN, [1 / std for std in IMAGENET_STD], bgr_255=False)
        weights = _imagenet_weights()
    convolutions = list(chain.from_iterable(network.blocks))  # type: ignore[arg-type]
    _copy(name, convolutions, weights[: len(convolutions)])
    return network.requires_grad_(False).eval()


def _copy(name: str, convolutions: list[nn.Conv2d], weights: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    if len(weights) != len(convolutions):
        raise AssetError(name, f"holds {len(weights)} convolutions where VGG-16 has {len(convolutions)} or more")
    with torch.no_grad():
        for convolution, (kernel, bias) in zip(convolutions, weights, strict=True):
            if kernel.shape != convolution.weight.shape or convolution.bias is None:
                raise AssetError(name, f"holds a kernel of shape {tuple(kernel.shape)} where VGG-16 has another")
            convolution.weight.copy_(kernel)
            convolution.bias.copy_(bias)


def _hed_weights() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Kernels (out, in, 3, 3) and biases of HED's VGG-16, in order; the file has kernels as (3, 3, in, out)."""
    try:
        import h5py  # noqa: PLC0415 (this file alone needs it, and not every machine that trains has it)
    except ImportError as error:
        raise AssetError("vgg16_hed", "needs the package h5py; install it, or choose another perceptual_net") from error
    weights = []
    with h5py.File(assets.fetch("vgg16_hed")) as file:
        for block in range(1, JOHNSON_BLOCKS + 1):
            layers: Any = file[f"block{block}/layers"]
            for name in sorted(name for name in layers if name.startswith("conv2d")):  # conv2d, conv2d_1, conv2d_2
                kernel, bias = layers[name]["vars"]["0"][()], layers[name]["vars"]["1"][()]
                weights.append((torch.from_numpy(kernel).permute(3, 2, 0, 1), torch.from_numpy(bias)))
    return weights


def _imagenet_weights() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Kernels and biases of torchvision's VGG-16, read without torchvision and without running pickled code."""
    state = torch.load(assets.fetch("vgg16_imagenet"), map_location="cpu", weights_only=True)
    indices = sorted({int(key.split(".")[1]) for key in state if key.startswith("features.")})
    return [(state[f"features.{index}.weight"], state[f"features.{index}.bias"]) for index in indices]

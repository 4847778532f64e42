import torch
from torch import nn
from torch.nn import functional as F

from talkedit.models.perceptual import VGG16_BLOCKS, Vgg16Features

IMAGENET_MEAN, IMAGENET_SCALE = [0.485, 0.456, 0.406], [1 / 0.229, 1 / 0.224, 1 / 0.225]


def test_features_are_those_of_vgg_written_out() -> None:
    torch.manual_seed(0)
    network = Vgg16Features(3, IMAGENET_MEAN, IMAGENET_SCALE, bgr_255=False)
    images = torch.rand(1, 3, 12, 12)
    w = [(conv.weight, conv.bias) for block in network.blocks for conv in block]  # type: ignore[union-attr]
    x = (images - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    relu1_2 = F.relu(F.conv2d(F.relu(F.conv2d(x, *w[0], padding=1)), *w[1], padding=1))
    x = F.max_pool2d(relu1_2, 2)
    relu2_2 = F.relu(F.conv2d(F.relu(F.conv2d(x, *w[2], padding=1)), *w[3], padding=1))
    x = F.max_pool2d(relu2_2, 2)
    for weights in w[4:7]:
        x = F.relu(F.conv2d(x, *weights, padding=1))
    torch.testing.assert_close(network(images), [relu1_2, relu2_2, x], atol=1e-5, rtol=1e-4)


def test_vgg16_has_thirteen_convolutions() -> None:
    assert [len(block) for block in VGG16_BLOCKS] == [2, 2, 3, 3, 3]


def first_activations(network: Vgg16Features, image: torch.Tensor) -> torch.Tensor:
    """What the first two convolutions pass on, where both pass each of the first three channels on as it is."""
    for conv in network.blocks[0]:  # type: ignore[union-attr]
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    with torch.no_grad():
        return network(image)[0][0, :3, 0, 0]


def test_imagenet_weights_get_rgb_of_order_one() -> None:
    network = Vgg16Features(1, [0.1, 0.2, 0.3], [1.0, 2.0, 10.0], bgr_255=False)
    image = torch.tensor([0.5, 0.6, 0.7]).view(1, 3, 1, 1)  # R, G, B
    torch.testing.assert_close(first_activations(network, image), torch.tensor([0.4, 0.8, 4.0]))


def test_caffe_weights_get_bgr_of_bytes() -> None:
    network = Vgg16Features(1, [100.0, 110.0, 120.0], [1.0, 1.0, 1.0], bgr_255=True)
    image = torch.tensor([1.0, 0.6, 0.8]).view(1, 3, 1, 1)  # R 255, G 153, B 204
    torch.testing.assert_close(first_activations(network, image), torch.tensor([104.0, 43.0, 135.0]))

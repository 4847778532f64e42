"""Hopenet: ResNet-50 with a classifier of 3-degree bins for each of yaw, pitch and roll.

Source: Ruiz, Chong, Rehg, Fine-Grained Head Pose Estimation Without Keypoints, CVPR workshops 2018. The ResNet-50 is
that of He et al., Deep Residual Learning, 2016, with the stride in the 3x3 convolution. The parameters have the names
and shapes of the authors' published checkpoints.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INPUT_PX = 224
N_BINS = 66
BIN_DEG = 3
FIRST_BIN_DEG = -99

_EXPANSION = 4
_N_FEATURES = 512 * _EXPANSION


class Hopenet(nn.Module):
    """The network; angles in its authors' own convention (see `talkedit.face.hopenet`)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, n_blocks=3, stride=1)
        self.layer2 = _stage(256, 128, n_blocks=4, stride=2)
        self.layer3 = _stage(512, 256, n_blocks=6, stride=2)
        self.layer4 = _stage(1024, 512, n_blocks=3, stride=2)
        self.fc_yaw = nn.Linear(_N_FEATURES, N_BINS)
        self.fc_pitch = nn.Linear(_N_FEATURES, N_BINS)
        self.fc_roll = nn.Linear(_N_FEATURES, N_BINS)
        self.fc_finetune = nn.Linear(_N_FEATURES + 3, 3)  # left over in the checkpoints from an experiment; not used

    def forward(self, images: Tensor) -> Tensor:
        """Estimates poses.

        Args:
            images: (N, 3, 224, 224) float32 RGB, 0..1 less ImageNet's mean, over its standard deviation.

        Returns:
            (N, 3) float32: yaw, pitch, roll in degrees, -99 to 96.
        """
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        features = x.mean(dim=(2, 3))
        heads = (self.fc_yaw, self.fc_pitch, self.fc_roll)
        return torch.stack([expected_deg(head(features)) for head in heads], dim=1)


def expected_deg(scores: Tensor) -> Tensor:
    """The mean angle under the bins' probabilities: sum(p_i * i) * 3 - 99; (N, 66) scores to (N,) degrees."""
    bins = torch.arange(N_BINS, dtype=scores.dtype, device=scores.device)
    return (scores.softmax(dim=1) * bins).sum(dim=1) * BIN_DEG + FIRST_BIN_DEG


class Bottleneck(nn.Module):
    """A residual block: 1x1 to `width` channels, 3x3, 1x1 to four times `width`."""

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        n_out = width * _EXPANSION
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.downsample = None
        if n_in != n_out or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in, H, W) to (N, 4 * width, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + shortcut)


def _stage(n_in: int, width: int, n_blocks: int, stride: int) -> nn.Sequential:
    rest = (Bottleneck(width * _EXPANSION, width, stride=1) for _ in range(n_blocks - 1))
    return nn.Sequential(Bottleneck(n_in, width, stride), *rest)

"""SyncNet has its authors' layout, layer for layer, and computes what that says."""

import torch
from torch import nn

from talkedit.models.syncnet import SyncNet

from ..syncnet_checkpoint import plain_syncnet_lips, plain_syncnet_speech, syncnet_state

TOLERANCE = 1e-4
SPEECH_SHAPES = [
    (64, 13, 20),
    (192, 13, 20),
    (192, 11, 9),  # pooled, but not by half in frequency
    (384, 11, 9),
    (256, 11, 9),
    (256, 11, 9),
    (256, 5, 4),
    (512, 1, 1),
]
LIP_SHAPES = [
    (96, 1, 109, 109),
    (96, 1, 54, 54),
    (256, 1, 26, 26),
    (256, 1, 13, 13),
    (256, 1, 13, 13),
    (256, 1, 13, 13),
    (256, 1, 13, 13),
    (256, 1, 6, 6),
    (512, 1, 1, 1),
]


def shapes_along(layers: nn.Sequential, x: torch.Tensor) -> list[tuple[int, ...]]:
    """What comes out of each convolution and pooling."""
    seen = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.MaxPool2d | nn.MaxPool3d):
            seen.append(tuple(x.shape[1:]))
    return seen


def test_names_and_shapes_are_the_published_ones() -> None:
    own = {key: value.shape for key, value in SyncNet().state_dict().items()}
    assert own == {key: value.shape for key, value in syncnet_state().items()}
    assert len(own) == 2 * (6 * (2 + 5) + 2 + 5 + 2)
    assert own["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert own["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert own["netfcaud.3.weight"] == (1024, 512)


@torch.inference_mode()
def test_every_layer_has_its_size() -> None:
    network = SyncNet().eval()
    assert shapes_along(network.netcnnaud, torch.zeros(1, 1, 13, 20)) == SPEECH_SHAPES
    assert shapes_along(network.netcnnlip, torch.zeros(1, 3, 5, 224, 224)) == LIP_SHAPES


@torch.inference_mode()
def test_it_computes_what_a_plain_build_does_window_by_window() -> None:
    network, state = SyncNet().eval(), syncnet_state()
    network.load_state_dict(state)
    numbers = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (3, 7, 224, 224), generator=numbers).float() / 64
    windows = torch.stack([frames[:, at : at + 5] for at in range(3)])
    lips = network.embed_lips(frames)
    assert lips.shape == (3, 1024)
    assert lips.std(dim=0).min() > 0  # it looks at the frames
    torch.testing.assert_close(lips, plain_syncnet_lips(state, windows), rtol=TOLERANCE, atol=TOLERANCE)
    speech = torch.randn(4, 1, 13, 20, generator=numbers)
    torch.testing.assert_close(
        network.embed_speech(speech), plain_syncnet_speech(state, speech), rtol=TOLERANCE, atol=TOLERANCE
    )

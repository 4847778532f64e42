"""As `tests.checkpoints`, of SyncNet."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from .checkpoints import Layout, State, normed

# SyncNet's convolutions by their places, which are followed by a norm and a ReLU; and where it pools after that.
SPEECH_CONVS = {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3), 14: (256, 256, 3, 3)}
SPEECH_CONVS |= {18: (512, 256, 5, 4)}
LIP_CONVS = {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), **dict.fromkeys((8, 11, 14), (256, 256, 1, 3, 3))}
LIP_CONVS |= {18: (512, 256, 1, 6, 6)}


def syncnet_state(seed: int = 0) -> State:
    layout = Layout(seed, tracked=True)
    for net, convs in (("aud", SPEECH_CONVS), ("lip", LIP_CONVS)):
        for at, shape in convs.items():
            layout.conv(f"netcnn{net}.{at}", *shape, bias=True)
            layout.norm(f"netcnn{net}.{at + 1}", shape[0])
        layout.linear(f"netfc{net}.0", 512, 512)
        layout.norm(f"netfc{net}.1", 512)
        layout.linear(f"netfc{net}.3", 1024, 512)
    return layout.state


def plain_syncnet_speech(state: State, windows: Tensor) -> Tensor:
    """(N, 1, 13, 20) to (N, 1024)."""
    x = windows
    for at in SPEECH_CONVS:
        x = _biased(state, x, "aud", at, 1, 0 if at == 18 else 1)
        if at in (4, 14):
            x = F.max_pool2d(x, 3, stride=(1, 2) if at == 4 else 2)
    return _plain_head(state, x, "aud")


def plain_syncnet_lips(state: State, windows: Tensor) -> Tensor:
    """(N, 3, 5, 224, 224) to (N, 1024)."""
    x = windows
    for at in LIP_CONVS:
        x = _biased(state, x, "lip", at, (1, 2, 2) if at < 8 else 1, 0 if at in (0, 18) else (0, 1, 1))
        if at in (0, 4, 14):
            x = F.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1) if at == 4 else 0)
    return _plain_head(state, x, "lip")


def _biased(state: State, x: Tensor, net: str, at: int, stride: Any, padding: Any) -> Tensor:
    kernel, bias = (state[f"netcnn{net}.{at}.{part}"] for part in ("weight", "bias"))
    conv = F.conv2d if kernel.ndim == 4 else F.conv3d
    return normed(state, conv(x, kernel, bias, stride=stride, padding=padding), f"netcnn{net}.{at + 1}").relu()


def _plain_head(state: State, x: Tensor, net: str) -> Tensor:
    hidden = F.linear(x.flatten(1), state[f"netfc{net}.0.weight"], state[f"netfc{net}.0.bias"])
    return F.linear(
        normed(state, hidden, f"netfc{net}.1").relu(), state[f"netfc{net}.3.weight"], state[f"netfc{net}.3.bias"]
    )

"""SyncNet: two networks that embed 0.2 s of a talking face and of speech, near each other where these belong together.

Source: Chung and Zisserman, Out of time: automated lip sync in the wild, ACCV workshops 2016. The parameters have the
names and shapes of the checkpoint that its authors publish (syncnet_v2.model, joonson/syncnet_python).
"""

from torch import Tensor, nn

INPUT_PX = 224
N_FRAMES = 5
N_COEFFICIENTS, N_STEPS = 13, 20
EMBEDDING_DIM = 1024

_N_FEATURES = 512


class SyncNet(nn.Module):
    """Both networks."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_heard(1, 64, 3, padding=1),
            nn.Identity(),  # a pooling of 1x1 in the checkpoint's layout
            *_heard(64, 192, 3, padding=1),
            nn.MaxPool2d(3, stride=(1, 2)),
            *_heard(192, 384, 3, padding=1),
            *_heard(384, 256, 3, padding=1),
            *_heard(256, 256, 3, padding=1),
            nn.MaxPool2d(3, stride=2),
            *_heard(256, _N_FEATURES, (5, 4), padding=0),
        )
        self.netfcaud = _head()
        self.netcnnlip = nn.Sequential(
            *_seen(3, 96, (5, 7, 7), stride=2, padding=0),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_seen(96, 256, (1, 5, 5), stride=2, padding=1),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            *_seen(256, 256, (1, 3, 3), stride=1, padding=1),
            *_seen(256, 256, (1, 3, 3), stride=1, padding=1),
            *_seen(256, 256, (1, 3, 3), stride=1, padding=1),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
            *_seen(256, _N_FEATURES, (1, 6, 6), stride=1, padding=0),
        )
        self.netfclip = _head()

    def embed_lips(self, frames: Tensor) -> Tensor:
        """Embeds every five frames in a row.

        Only the first convolution looks along time, so windows that share frames share nothing else: all of them at
        once are what each alone would be.

        Args:
            frames: (3, T, 224, 224) float32 BGR, 0..255; T at least 5.

        Returns:
            (T - 4, 1024): of the window that begins at each frame.
        """
        return self.netfclip(self.netcnnlip(frames[None])[0, :, :, 0, 0].T)

    def embed_speech(self, windows: Tensor) -> Tensor:
        """(N, 1, 13, 20), MFCC at 100 Hz, to (N, 1024)."""
        return self.netfcaud(self.netcnnaud(windows).flatten(1))


def _heard(n_in: int, n_out: int, kernel: int | tuple[int, int], padding: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(n_in, n_out, kernel, padding=padding), nn.BatchNorm2d(n_out), nn.ReLU()


def _seen(
    n_in: int, n_out: int, kernel: tuple[int, int, int], stride: int, padding: int
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Stride and padding are those within a picture."""
    convolution = nn.Conv3d(n_in, n_out, kernel, stride=(1, stride, stride), padding=(0, padding, padding))
    return convolution, nn.BatchNorm3d(n_out), nn.ReLU()


def _head() -> nn.Sequential:
    hidden = nn.Linear(_N_FEATURES, _N_FEATURES)
    return nn.Sequential(hidden, nn.BatchNorm1d(_N_FEATURES), nn.ReLU(), nn.Linear(_N_FEATURES, EMBEDDING_DIM))

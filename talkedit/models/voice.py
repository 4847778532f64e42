"""A network that knows voices apart: speech to a direction, near for one speaker, further for two.

Source: Wan, Wang, Papir and Lopez Moreno, Generalized end-to-end loss for speaker verification, ICASSP 2018. The
parameters have the names and shapes of the checkpoint in the package Resemblyzer 0.1.4.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_MELS = 40
EMBEDDING_DIM = 256
N_LAYERS = 3


class VoiceEncoder(nn.Module):
    """Three LSTMs in a row, and a layer on what the last one says at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_MELS, EMBEDDING_DIM, N_LAYERS, batch_first=True)
        self.linear = nn.Linear(EMBEDDING_DIM, EMBEDDING_DIM)
        # Only its training looked at them: a similarity's scale and offset before the softmax.
        self.similarity_weight = nn.Parameter(torch.empty(1))
        self.similarity_bias = nn.Parameter(torch.empty(1))

    def forward(self, mel: Tensor) -> Tensor:
        """Embeds stretches of speech of one length.

        Args:
            mel: (N, T, 40) float32, power (not its logarithm) in mel bands, 100 steps a second; it learned from 160.

        Returns:
            (N, 256) of length 1, no number negative: the cosine of two is their product, 0 to 1.
        """
        _, (last, _) = self.lstm(mel)
        return F.normalize(F.relu(self.linear(last[-1])), dim=1)

"""The multi-attribute discriminator: does a face window go with this audio, this pose, this emotion?"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkedit.models.blocks import ConvBlock, DownBlock
from talkedit.models.codes import CODE_ROWS
from talkedit.models.encoders import AudioEncoder

TERMS = ("audio", "pose", "emotion")


class Discriminator(nn.Module):
    """A face encoder with one head a term, held against audio, pose and emotion encoders.

    It sees the whole crop: five frames stacked by channels. Embeddings are unit vectors, so that an L2 distance lies
    between 0 (belong together) and 2.

    Args:
        n_frames: T, frames in a window.
        widths: Channels of the face encoder's levels, finest first.
        dim: D, the size of an embedding.
        audio_width: Width of the audio encoder.
    """

    def __init__(self, n_frames: int, widths: list[int], dim: int, audio_width: int) -> None:
        super().__init__()
        pairs = pairwise(widths)
        self.face = nn.Sequential(
            ConvBlock(3 * n_frames, widths[0], kernel=7, stride=2),
            *(DownBlock(finer, coarser, n_residual=0) for finer, coarser in pairs),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
        )
        self.heads = nn.ModuleDict({term: nn.Linear(widths[-1] * 9, dim) for term in TERMS})
        self.audio = AudioEncoder(audio_width, dim)
        self.windows = nn.ModuleDict(
            {
                term: nn.Sequential(nn.Linear(CODE_ROWS[term] * n_frames, dim), nn.ReLU(), nn.Linear(dim, dim))
                for term in TERMS
                if term != "audio"
            }
        )

    def embed_faces(self, images: Tensor) -> dict[str, Tensor]:
        """(B, T, 3, px, px), 0..1, to one unit vector (B, D) a term."""
        features = self.face(images.flatten(1, 2).contiguous(memory_format=torch.channels_last))
        return {term: F.normalize(head(features), dim=1) for term, head in self.heads.items()}

    def embed_attributes(self, mel: Tensor, codes: dict[str, Tensor]) -> dict[str, Tensor]:
        """The window's speech and codes to one unit vector (B, D) a term.

        Args:
            mel: (B, T, 80, 16); the window of the middle frame spans all five frames (0.2 s) and is what is used.
            codes: ``pose`` (B, 3, T) and ``emotion`` (B, 7, T).
        """
        middle = mel.shape[1] // 2
        embeddings = {"audio": self.audio(mel[:, middle : middle + 1]).squeeze(2)}
        for term, encoder in self.windows.items():
            embeddings[term] = encoder(codes[term].flatten(1))
        return {term: F.normalize(embedding, dim=1) for term, embedding in embeddings.items()}

    def distances(self, images: Tensor, mel: Tensor, codes: dict[str, Tensor]) -> dict[str, Tensor]:
        """Squared L2 distance (B,) a term, 0..4, between the face and what it is said to belong to."""
        faces, attributes = self.embed_faces(images), self.embed_attributes(mel, codes)
        return {term: squared_distance(faces[term], attributes[term]) for term in TERMS}


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Squared L2 distance (B,) between rows of (B, D)."""
    return (a - b).square().sum(dim=1)

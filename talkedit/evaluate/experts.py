"""Who judges whether lips and speech go together: the person's own lip-sync expert, under its own name."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from talkedit.evaluate.footage import Video
from talkedit.evaluate.sync import SyncScore, sync_score
from talkedit.evaluate.tools import Held
from talkedit.models.discriminator import Discriminator
from talkedit.records import Floats
from talkedit.shards.clips import shrink
from talkedit.train.judges import load_discriminator, read_card

BATCH = 32


class Expert(Protocol):
    """A judge of lips and speech; the numbers carry its name."""

    name: str

    def score(self, video: Video, landmarks_px: Floats, held: Held) -> SyncScore:
        """Scores a video's lips against a clip's speech; NaN where it cannot.

        Args:
            video: (T, S, S, 3), crops.
            landmarks_px: (T, 68, 2) in them; NaN where no face was found.
            held: The clip whose speech it is: its first T frames.
        """
        ...


class OwnExpert:
    """The audio term of the person's discriminator, which the generator was trained against: not SyncNet.

    Args:
        folder: Of the stage train_discriminator; another model's, whatever its sizes, can judge several systems.
    """

    name = "sync_own"

    def __init__(self, folder: Path) -> None:
        self._model = read_card(folder).model
        network = load_discriminator(folder, self._model)
        self._network: Discriminator | None = network if "audio" in network.terms else None

    @torch.inference_mode()
    def score(self, video: Video, landmarks_px: Floats, held: Held) -> SyncScore:
        """See `Expert.score`; NaN where this expert never learned to. It sees the whole crop, no landmarks."""
        n = self._model.n_frames
        if self._network is None or len(video) < n:
            return sync_score(np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))
        pictures = torch.stack([shrink(image, self._model.image_px) for image in video]).float() / 255
        firsts, speech = range(len(video) - n + 1), torch.from_numpy(held.mel)
        lips, heard = [], []
        for first in range(0, len(firsts), BATCH):
            some = firsts[first : first + BATCH]
            lips.append(self._network.embed_faces(torch.stack([pictures[at : at + n] for at in some]))["audio"])
            heard.append(self._network.embed_attribute("audio", torch.stack([speech[at : at + n] for at in some])))
        return sync_score(torch.cat(lips).numpy(), torch.cat(heard).numpy())

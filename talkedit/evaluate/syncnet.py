"""SyncNet as the judge of lips and speech, with its authors' weights, as their evaluation scores a video.

All is theirs (joonson/syncnet_python) but the face detector: they take the box of S3FD, here it is put about dlib's
landmarks, and what lies beyond the stored crop repeats its border.
"""

from pathlib import Path

import numpy as np
import torch

from talkedit import assets
from talkedit.errors import ParamsError
from talkedit.evaluate.footage import Video
from talkedit.evaluate.mfcc import mfcc
from talkedit.evaluate.sync import SyncScore, sync_score
from talkedit.evaluate.tools import Held
from talkedit.face.geometry import cut, fill_gaps, frame_from_square
from talkedit.media.audio import read_wav
from talkedit.models.syncnet import INPUT_PX, N_FRAMES, N_STEPS, SyncNet
from talkedit.records import Doubles, Floats

ASSET = "syncnet"
BATCH = 16
STEPS_PER_FRAME = 4  # of the coefficients
SAMPLES_PER_FRAME = 640
MEDIAN_FRAMES = 13
FOREHEAD = 0.25  # how far the face goes on above the brows, in heights from brows to chin
# Of half the box's side, from its middle: how far the picture goes to both sides, up, and down.
BESIDE, ABOVE, BELOW = 1.4, 1.0, 1.8
MIDDLE_BELOW = (BELOW - ABOVE) / 2


class SyncNetExpert:
    """Scores with the published weights.

    Args:
        clips: Folder with the clips' sound, ``CLIP.wav``: that of the curate stage.

    Raises:
        ParamsError: There is no such folder.
        AssetError: The weights cannot be had.
    """

    name = "syncnet"

    def __init__(self, clips: Path | None) -> None:
        if clips is None or not clips.is_dir():
            raise ParamsError("evaluate.sync: syncnet hears the clips' own sound; name its folder with --clips")
        self._clips = clips
        self._network = load_syncnet(assets.fetch(ASSET))

    @torch.inference_mode()
    def score(self, video: Video, landmarks_px: Floats, held: Held) -> SyncScore:
        """Scores a clip's lips against its sound; NaN without a face, or in less than six frames.

        Args:
            video: (T, S, S, 3), crops of the clip's first T frames.
            landmarks_px: (T, 68, 2) in them; NaN where no face was found.
            held: Whose sound it is.
        """
        samples, rate_hz = read_wav(self._clips / f"{held.sample.clip_id}.wav")
        # As they have it: the last whole window is not looked at.
        n_windows = min(len(video), len(samples) // SAMPLES_PER_FRAME) - N_FRAMES
        seen = np.asarray(np.isfinite(landmarks_px).all(axis=(1, 2)))
        if n_windows < 1 or not seen.any():
            return sync_score(np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))
        pictures = face_pictures(video, fill_gaps(landmarks_px, seen))
        heard = torch.from_numpy(mfcc(samples, rate_hz))
        lips, speech = [], []
        for first in range(0, n_windows, BATCH):
            some = range(first, min(first + BATCH, n_windows))
            lips.append(self._network.embed_lips(to_input(pictures[first : some[-1] + N_FRAMES])))
            steps = [heard[:, at * STEPS_PER_FRAME :][:, :N_STEPS] for at in some]
            speech.append(self._network.embed_speech(torch.stack(steps)[:, None]))
        return sync_score(torch.cat(lips).numpy(), torch.cat(speech).numpy())


def load_syncnet(path: Path) -> SyncNet:
    """The network with the weights of the published checkpoint, key for key, ready to use on the CPU."""
    with torch.device("meta"):
        network = SyncNet()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), assign=True)
    return network.eval()


def face_pictures(video: Video, landmarks_px: Doubles) -> Video:
    """What the network looks at: the lower half of the face in the middle.

    Args:
        video: (T, S, S, 3) uint8 RGB.
        landmarks_px: (T, 68, 2) in them, finite.

    Returns:
        (T, 224, 224, 3) uint8 RGB.
    """
    low, high = landmarks_px.min(axis=1), landmarks_px.max(axis=1)
    low[:, 1] -= FOREHEAD * (high - low)[:, 1]
    half = _median((high - low).max(axis=1) / 2)
    x, y = _median((low + high)[:, 0] / 2), _median((low + high)[:, 1] / 2)
    squares = frame_from_square(np.stack([x, y + MIDDLE_BELOW * half], axis=1), 2 * BESIDE * half, INPUT_PX)
    return np.stack([cut(*pair, INPUT_PX) for pair in zip(video, squares, strict=True)])


def to_input(pictures: Video) -> torch.Tensor:
    """(T, H, W, 3) uint8 RGB to (3, T, H, W) float32 BGR, 0..255."""
    return torch.from_numpy(pictures[..., ::-1].copy()).permute(3, 0, 1, 2).float()


def _median(values: Doubles) -> Doubles:
    """The running median, with zeros beyond both ends, as theirs."""
    padded = np.pad(values, MEDIAN_FRAMES // 2)
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_FRAMES), axis=1)

"""What does not belong to a window, drawn on purpose: the same clip at a time when it sounds or looks otherwise.

Negatives of the same clip have its light, clothes and place, so that nothing but the attribute tells them from the
truth. Where a clip has none, another window of the step that has none in its own clip gives one; where there is none at
all, the window has none.

Each window counts by how many negatives it could have had. Then every pair of windows that are far enough apart is as
likely this way round as the other, and an attribute belongs as often as it does not. Without that, extremes are mostly
negatives, and are told without a look at the pictures: in `lieu`, emotions 0.3 apart in 83% of the held-out pairs.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from talkedit.shards.clips import LoadedClip
from talkedit.shards.samples import Sample
from talkedit.shards.windows import Batch, Window
from talkedit.train.processes import ALONE, Processes

DRAW = 1  # tells this random sequence from the loader's


class Negatives(NamedTuple):
    """For each of B windows what does not belong to it; a term that was not asked for, or not found, has the window's.

    Attributes:
        mel: (B, T, 80, 16).
        pose_deg: (B, T, 3).
        emotion: (B, T, 7).
        weights: (B,) a term, 0..1: the share of what it was drawn from that is far enough; 0 where nothing is.
    """

    mel: Tensor
    pose_deg: Tensor
    emotion: Tensor
    weights: dict[str, Tensor]

    def to(self, device: torch.device) -> "Negatives":
        """The same on `device`."""
        weights = {term: weight.to(device) for term, weight in self.weights.items()}
        return Negatives(self.mel.to(device), self.pose_deg.to(device), self.emotion.to(device), weights)


def mel_gap(others: Tensor, own: Tensor) -> Tensor:
    """(n, T, 80, 16) and (T, 80, 16) to (n,): mean difference in the middle frame's 0.2 s, 0..8 as the mel is -4..4."""
    middle = own.shape[0] // 2
    return (others[:, middle] - own[middle]).abs().mean(dim=(1, 2))


def pose_gap(others: Tensor, own: Tensor) -> Tensor:
    """(n, T, 3) and (T, 3) degrees to (n,): the angle that differs most, mean over the window."""
    return (others - own).abs().amax(dim=2).mean(dim=1)


def emotion_gap(others: Tensor, own: Tensor) -> Tensor:
    """(n, T, 7) and (T, 7) probabilities to (n,): total variation distance, 0..1, mean over the window."""
    return (others - own).abs().sum(dim=2).mean(dim=1) / 2


GAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"audio": mel_gap, "pose": pose_gap, "emotion": emotion_gap}
FIELDS = {"audio": "mel", "pose": "pose_deg", "emotion": "emotion"}


class Drawn(NamedTuple):
    """Negatives from the windows' own clips, and what it takes to find others where these have none.

    Attributes:
        negatives: With weight 0 where a window's clip has none.
        own: The windows' own attributes, (B, T, ...) a field.
        places: (B, 2), see `_places`.
    """

    negatives: Negatives
    own: dict[str, Tensor]
    places: Tensor


def draw_in_clips(windows: list[Window], min_gaps: dict[str, float], seed: int, step: int, rank: int = 0) -> Drawn:
    """A negative a term for each window of a step, of its own clip: nearly all of the work, and no other process's.

    Args:
        windows: This process's windows, of frames that follow each other.
        min_gaps: The terms, and how far a negative must be from the window: see `GAPS`.
        seed: Which run.
        step: Which step; a pure function of seed, step and all processes' windows.
        rank: Which of the processes this is.
    """
    first = rank * len(windows)
    rngs = [np.random.default_rng((seed, step, DRAW, first + index)) for index in range(len(windows))]
    own, weights = _own(windows), {}
    drawn = {field: track.clone() for field, track in own.items()}
    for term, min_gap in min_gaps.items():
        shares = []
        for window, negative, rng in zip(windows, drawn[FIELDS[term]], rngs, strict=True):
            starts = _far_in_clip(term, window, min_gap)
            shares.append(float(starts.float().mean()))
            if starts.any():
                candidates = _windows(_track(window.clip, term), len(window.target))
                negative[:] = candidates[rng.choice(starts.nonzero()[:, 0].numpy())]
        weights[term] = torch.tensor(shares)
    return Drawn(Negatives(**drawn, weights=weights), own, _places(windows))


def help_out(drawn: Drawn, min_gaps: dict[str, float], seed: int, step: int, processes: Processes = ALONE) -> Negatives:
    """Windows whose clips have no negative get one from each other, those of all processes.

    Args:
        drawn: Of this process; its negatives are completed in place.
        min_gaps: As in `draw_in_clips`.
        seed: Likewise.
        step: Likewise.
        processes: Who has the others.
    """
    first = processes.rank * len(drawn.places)
    places = processes.all_rows(drawn.places)
    for number, (term, min_gap) in enumerate(min_gaps.items()):
        negatives, weights = getattr(drawn.negatives, FIELDS[term]), drawn.negatives.weights[term]
        lonely = processes.all_rows(weights == 0)
        everyones = processes.all_rows(drawn.own[FIELDS[term]])
        for index in (weights == 0).nonzero()[:, 0].tolist():
            starts = lonely & _far_in_step(term, first + index, places, everyones, min_gap)
            weights[index] = starts.float().mean()
            if starts.any():
                rng = np.random.default_rng((seed, step, DRAW, first + index, number))
                negatives[index] = everyones[rng.choice(starts.nonzero()[:, 0].numpy())]
    return drawn.negatives


def roll_negatives(windows: list[Window], min_gaps: dict[str, float], shift: int) -> Negatives:
    """As negative of each window the one `shift` places on; weights are 1, or 0 where these are too near."""
    others = (torch.arange(len(windows)) + shift) % len(windows)
    tracks, weights = _own(windows), {}
    for term, min_gap in min_gaps.items():
        own = tracks[FIELDS[term]]
        far = [_far_in_step(term, index, _places(windows), own, min_gap)[other] for index, other in enumerate(others)]
        weights[term] = torch.stack(far).float()
    return Negatives(**{field: own[others] for field, own in tracks.items()}, weights=weights)


def share_with_negative(samples: Iterable[Sample], n_frames: int, min_gaps: dict[str, float]) -> dict[str, float]:
    """The share of all windows of T frames, 0..1, that have a negative in their own clip, for pose and emotion.

    Other clips do not count: with them alone, a pose would be learnt from the clip's light or clothes.

    Args:
        samples: The footage.
        n_frames: T.
        min_gaps: As in `draw_in_clips`; audio is left out.
    """
    counts = {term: [0, 0] for term in min_gaps if term != "audio"}
    for sample in samples:
        for term, count in counts.items():
            windows = _windows(torch.from_numpy(getattr(sample.attributes, FIELDS[term])), n_frames)
            count[0] += sum(bool((GAPS[term](windows, own) >= min_gaps[term]).any()) for own in windows)
            count[1] += len(windows)
    return {term: n_with / max(n_all, 1) for term, (n_with, n_all) in counts.items()}


def with_negatives(batch: Batch, negatives: Negatives) -> Batch:
    """The batch with what does not belong to its pictures."""
    return batch._replace(mel=negatives.mel, pose_deg=negatives.pose_deg, emotion=negatives.emotion)


def _own(windows: list[Window]) -> dict[str, Tensor]:
    """The windows' own attributes, (B, T, ...) a field."""
    return {
        field: torch.stack([_track(window.clip, term)[window.target] for window in windows])
        for term, field in FIELDS.items()
    }


def _far_in_clip(term: str, window: Window, min_gap: float) -> Tensor:
    """Which windows of its clip, by their first frame, are far enough from a window: (N - T + 1,) bool."""
    n_frames, track = len(window.target), _track(window.clip, term)
    far = GAPS[term](_windows(track, n_frames), track[window.target]) >= min_gap
    if term == "audio":  # overlapping speech is much the same, whatever the gap says
        far &= (torch.arange(len(far)) - window.target[0]).abs() >= n_frames
    return far


def _far_in_step(term: str, index: int, places: Tensor, tracks: Tensor, min_gap: float) -> Tensor:
    """Which of the step's windows (N, T, ...), which lie at `places`, are far enough from one of them: (N,) bool."""
    far = GAPS[term](tracks, tracks[index]) >= min_gap
    if term == "audio":
        clip, first = (places - places[index]).abs().unbind(dim=1)
        far &= (clip > 0) | (first >= tracks.shape[1])
    return far


def _places(windows: list[Window]) -> Tensor:
    """(B, 2): a number for the clip, and the first frame."""
    return torch.tensor([[crc32(window.clip.sample.clip_id.encode()), int(window.target[0])] for window in windows])


def _track(clip: LoadedClip, term: str) -> Tensor:
    """A clip's attribute, (N, ...)."""
    return clip.mel if term == "audio" else torch.from_numpy(getattr(clip.sample.attributes, FIELDS[term]))


def _windows(track: Tensor, n_frames: int) -> Tensor:
    """All windows of a clip's attribute: (N, ...) to (N - T + 1, T, ...), without a copy."""
    return track.unfold(0, n_frames, 1).movedim(-1, 1)

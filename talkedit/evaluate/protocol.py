"""Which held-out clip gives frames and speech, and which one the attributes: the paper's random pairs. Pure."""

from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """Two held-out clips, by their ids.

    Attributes:
        source: Gives the frames and the speech.
        giver: Gives pose, emotion and eye openness.
    """

    source: str
    giver: str


def draw_pairs(clip_ids: list[str], n_pairs: int, seed: int) -> list[Pair]:
    """Random ordered pairs of different clips, none twice: `n_pairs` of them, or all there are.

    Args:
        clip_ids: The held-out clips, in any order: it does not matter.
        n_pairs: How many are wanted.
        seed: Another one draws others.
    """
    ids = sorted(clip_ids)
    n_all = len(ids) * (len(ids) - 1)
    drawn = np.random.default_rng(seed).permutation(n_all)[:n_pairs]
    pairs = [divmod(int(number), len(ids) - 1) for number in sorted(drawn)]
    return [Pair(ids[source], ids[giver + (giver >= source)]) for source, giver in pairs]


def pairs_csv(pairs: list[Pair]) -> str:
    """A line a pair, under a header."""
    return "\n".join(["source,giver", *(f"{pair.source},{pair.giver}" for pair in pairs)]) + "\n"

"""How well the discriminator tells what belongs to a window from what does not: a loss and an accuracy a term."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from talkedit.models.codes import make_codes
from talkedit.models.discriminator import Discriminator
from talkedit.shards.windows import Batch
from talkedit.train.negatives import Negatives, with_negatives
from talkedit.train.processes import ALONE, Processes

CHANCE = 0.5


class Pairs(NamedTuple):
    """Windows with their negatives, as one term sees them.

    Attributes:
        nearer: (B,) 0 or 1: is what belongs nearer than what does not?
        weights: (B,) 0..1, how much each counts; 0 where there is no negative.
    """

    nearer: Tensor
    weights: Tensor

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Those of several steps."""
        return cls(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

    def sums(self) -> Tensor:
        """(3,): right weight, all weight and the sum of the weights' squares; they add up over steps and processes."""
        return torch.stack([(self.nearer * self.weights).sum(), self.weights.sum(), self.weights.square().sum()])

    def accuracy(self, processes: Processes = ALONE) -> Tensor:
        """Weighted share of all processes' pairs that are told apart, 0..1; chance where there is none."""
        right, weight, _ = processes.all_rows(self.sums()[None]).sum(dim=0)
        return torch.where(weight > 0, right / weight.clamp_min(1e-9), CHANCE)


class Verdict(NamedTuple):
    """Of B windows, a term each.

    Attributes:
        losses: Scalars; 0 where no window has a negative.
        pairs: Which were told apart.
    """

    losses: dict[str, Tensor]
    pairs: dict[str, Pairs]


def judge(discriminator: Discriminator, batch: Batch, negatives: Negatives, processes: Processes = ALONE) -> Verdict:
    """Holds each window against its own attributes and against its negatives.

    The loss of a window is the mean of that of the pair that belongs together and that of the pair that does not:
    a window with no negative counts nothing, because pulling alone would collapse the embeddings.

    Args:
        discriminator: Judges.
        batch: B windows.
        negatives: Drawn for these windows.
        processes: Who else has windows of this step.
    """
    faces = discriminator.embed_faces(batch.target.float() / 255)
    own, other = attributes_of(batch), attributes_of(with_negatives(batch, negatives))
    losses, pairs = {}, {}
    for term in discriminator.terms:
        measure, weights = discriminator.measures[term], negatives.weights[term]
        right, wrong = (discriminator.embed_attribute(term, each[term]) for each in (own, other))
        cost = (measure(faces[term], right) + measure.apart(faces[term], wrong)) / 2  # type: ignore[operator]
        losses[term] = processes.mean(cost, weights)
        nearer = measure(faces[term], right) < measure(faces[term], wrong)
        pairs[term] = Pairs(nearer.float(), weights)
    return Verdict(losses, pairs)


def attributes_of(batch: Batch) -> dict[str, Tensor]:
    """What the discriminator takes beside the faces, by term."""
    return {"audio": batch.mel, **make_codes(batch.pose_deg, batch.emotion, batch.eye_openness)}

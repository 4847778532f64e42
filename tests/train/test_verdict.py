"""The losses and accuracies of pairs, by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.discriminator import TERMS, CosineDistance, Discriminator, L2Distance
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.negatives import Negatives
from talkedit.train.verdict import Pairs, judge

from .windows import T, make_clip, window

RIGHT, UP, LEFT = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
CLOSE = (1 - 1e-4) ** 2  # the loss of a non-pair at distance 0, which is taken as 1e-4


class Fixed(Discriminator):
    """Answers with given embeddings: of faces, of what belongs (no value above 5) and of what does not (all above)."""

    def __init__(self, faces: list[Any], own: list[Any], other: list[Any], measure: nn.Module) -> None:
        nn.Module.__init__(self)
        self.terms = TERMS
        self.answers = torch.tensor(faces), torch.tensor(own), torch.tensor(other)
        self.measures = nn.ModuleDict(dict.fromkeys(TERMS, measure))

    def embed_faces(self, images: Tensor) -> dict[str, Tensor]:
        return dict.fromkeys(TERMS, self.answers[0])

    def embed_attribute(self, term: str, attribute: Tensor) -> Tensor:
        return self.answers[2] if attribute.max() > 5 else self.answers[1]


def windows(weights_of: list[float]) -> tuple[Batch, Negatives]:
    """Windows in which nothing is above 5, and negatives in which everything is."""
    n = len(weights_of)
    batch = to_batch([window(make_clip("one", [0.0] * 10), 0)] * n)
    weights = dict.fromkeys(TERMS, torch.tensor(weights_of))
    mel, pose_deg, emotion = (torch.full((n, T, *rest), 900.0) for rest in ((80, 16), (3,), (7,)))
    return batch, Negatives(mel, pose_deg, emotion, weights)


def test_the_contrastive_loss_by_hand() -> None:
    # Belonging pairs are 0, 2 and 0 apart (squared), others 2, 0 and 0; the last window has no negative. With margin 1
    # the first costs (0 + 0) / 2, the second (2 + 1) / 2, and counts three times as much.
    faces, own, other = [RIGHT] * 3, [RIGHT, UP, RIGHT], [UP, RIGHT, RIGHT]
    verdict = judge(Fixed(faces, own, other, L2Distance(1.0)), *windows([0.25, 0.75, 0.0]))
    assert set(verdict.losses) == set(verdict.pairs) == set(TERMS)
    for term in TERMS:
        assert verdict.losses[term].item() == pytest.approx(0.75 * (2 + CLOSE) / 2)
        assert verdict.pairs[term].nearer.tolist() == [1.0, 0.0, 0.0]
        assert float(verdict.pairs[term].accuracy()) == 0.25


def test_binary_cross_entropy_by_hand() -> None:
    # Cosine 1 for what belongs, -1 for what does not: -log sigmoid(5) and -log(1 - sigmoid(-15)).
    verdict = judge(Fixed([RIGHT], [RIGHT], [LEFT], CosineDistance()), *windows([1.0]))
    for term in TERMS:
        assert verdict.losses[term].item() == pytest.approx((0.0067153 + 0.0000003) / 2, abs=1e-6)
        assert verdict.pairs[term].nearer.tolist() == [1.0]


def test_windows_without_a_negative_teach_nothing_and_say_nothing() -> None:
    verdict = judge(Fixed([RIGHT], [UP], [RIGHT], L2Distance(1.0)), *windows([0.0]))
    assert [float(loss) for loss in verdict.losses.values()] == [0, 0, 0]
    assert [float(pairs.accuracy()) for pairs in verdict.pairs.values()] == [0.5] * 3


def test_pairs_add_up() -> None:
    first = Pairs(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.25]))
    second = Pairs(torch.tensor([1.0]), torch.tensor([0.25]))
    joined = Pairs.joined([first, second])
    assert joined.sums().tolist() == (first.sums() + second.sums()).tolist() == [0.75, 1.0, 0.375]
    assert float(joined.accuracy()) == 0.75

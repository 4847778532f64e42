"""Every equation of the paper's losses, by numbers worked out by hand."""

import math

import pytest
import torch

from talkedit.models import losses
from talkedit.models.losses import LossParams


def loss_params(**changes: object) -> LossParams:
    weights = {"lambda_v": 0.5, "lambda_s": 0.1, "lambda_b": 10.0, "lambda_g": 0.2, "ring_weight": 0.1}
    rest = {
        "features_weight": 3.0,
        "perceptual_net": "none",
        "perceptual_share": 1.0,
        "ramp_start_step": 100,
        "ramp_steps": 50,
    }
    return LossParams.model_validate({**weights, **rest, **changes})


@pytest.mark.parametrize(("step", "share"), [(0, 0), (99, 0), (100, 0), (125, 0.5), (150, 1), (9999, 1)])
def test_the_ramp(step: int, share: float) -> None:
    assert losses.ramp(step, loss_params()) == share


@pytest.mark.parametrize(
    ("step", "total"),
    [
        (0, 1 + 0.5 * 2),
        (125, 1 + 0.5 * 2 + 0.5 * (0.1 * 3 + 10 * 4 + 0.2 * 5)),
        (150, 1 + 0.5 * 2 + 0.1 * 3 + 10 * 4 + 0.2 * 5),
    ],
)
def test_the_total_is_the_weighted_sum_with_sync_blink_and_realism_ramped_in(step: int, total: float) -> None:
    terms = {name: torch.tensor(value) for name, value in (("l1", 1.0), ("v", 2.0), ("s", 3.0), ("b", 4.0), ("g", 5.0))}
    assert float(losses.total(terms, loss_params(), step)) == pytest.approx(total)


def test_l1_is_a_weighted_mean() -> None:
    # The left column weighs 1 and is off by 0.5, the right one weighs 0.1 and is off by 1:
    # (2 * 0.5 * 1 + 2 * 1 * 0.1) / (2 * 1 + 2 * 0.1)
    weight = torch.tensor([[[[1.0, 0.1], [1.0, 0.1]]]])
    truth = torch.tensor([0.5, 1.0]).expand(4, 3, 2, 2)
    assert float(losses.l1(torch.zeros(4, 3, 2, 2), truth, weight)) == pytest.approx(1.2 / 2.2)
    assert float(losses.l1(torch.zeros(4, 3, 2, 2), truth, torch.ones(1, 1, 2, 2))) == pytest.approx(0.75)


def test_l1_counts_all_pictures_alike_whatever_they_weigh() -> None:
    """So processes that share a step's pictures have, on average, the loss of one that has them all."""
    truth = torch.tensor([0.5, 1.0])[:, None, None, None].expand(2, 3, 2, 2)
    weight = torch.tensor([4.0, 1.0])[:, None, None, None].expand(2, 1, 2, 2)
    assert float(losses.l1(torch.zeros(2, 3, 2, 2), truth, weight)) == pytest.approx(0.75)


def test_l1_counts_the_ring_less_and_eyes_and_mouth_more() -> None:
    mask = torch.ones(1, 1, 10, 10)
    mask[..., 0] = 0
    landmarks = torch.full((2, 68, 2), -9.0)  # eyes far away
    landmarks[:, 48:68] = torch.tensor([0.55, 0.55])  # the middle of pixel (5, 5)
    landmarks[0, 48:58, 0] += 0.2  # 0.4 wide: it reaches 0.2, two pixels, to each side
    landmarks[0, 58:68, 0] -= 0.2
    landmarks[1, 48:58, 0] += 0.1
    landmarks[1, 58:68, 0] -= 0.1
    weight = losses.l1_weight(mask, landmarks, loss_params(ring_weight=0.1, features_weight=3.0))
    assert weight.shape == (2, 1, 10, 10)
    assert torch.equal(weight[..., 0], torch.full((2, 1, 10), 0.1))
    assert weight[:, 0, 5, 5].tolist() == [3.0, 3.0]
    assert [float(weight[0, 0, 5, 7]), float(weight[1, 0, 6, 5])] == pytest.approx([1 + 2 * math.exp(-0.5)] * 2)
    plain = losses.l1_weight(mask, landmarks, loss_params(ring_weight=0.1, features_weight=1.0))
    assert torch.equal(plain, (mask + 0.1 * (1 - mask)).expand(2, 1, 10, 10))


def test_perceptual_is_relative_to_the_truth_a_layer() -> None:
    # |3 - 1| / 1 = 2 and |0 - 10| / 10 = 1, mean 1.5: a layer of large features counts no more than another.
    prediction = [torch.full((1, 4, 2, 2), 3.0), torch.zeros(1, 8, 1, 1)]
    truth = [torch.full((1, 4, 2, 2), -1.0).abs(), torch.full((1, 8, 1, 1), 10.0)]
    assert losses.perceptual(prediction, truth).tolist() == pytest.approx([1.5])


def test_perceptual_of_a_picture_does_not_depend_on_the_others() -> None:
    prediction, truth = torch.rand(2, 4, 2, 2), torch.rand(2, 4, 2, 2) * torch.tensor([1.0, 9.0]).view(2, 1, 1, 1)
    each = [losses.perceptual([prediction[at : at + 1]], [truth[at : at + 1]]) for at in range(2)]
    torch.testing.assert_close(losses.perceptual([prediction], [truth]), torch.cat(each))


def test_perceptual_of_a_black_truth_is_finite() -> None:
    assert math.isfinite(float(losses.perceptual([torch.ones(1, 1, 1, 1)], [torch.zeros(1, 1, 1, 1)])))


def test_sync_sums_the_mean_distance_of_each_term() -> None:
    distances = {
        "audio": torch.tensor([1.0, 3.0]),
        "pose": torch.tensor([0.5, 0.5]),
        "emotion": torch.tensor([0.0, 0.2]),
    }
    assert float(losses.sync(distances)) == pytest.approx(2.0 + 0.5 + 0.1)


def test_sync_is_of_the_terms_that_there_are() -> None:
    assert float(losses.sync({"audio": torch.tensor([1.0, 3.0])})) == 2.0
    assert float(losses.sync({"audio": torch.tensor([1.0, 3.0]), "pose": torch.tensor([0.5, 0.5])})) == 2.5


def eyes(corner_distance: float) -> torch.Tensor:
    points = torch.zeros(1, 2, 6, 2)
    points[0, 1, 3, 0] = corner_distance  # the left eye's outer corner; the right one's is at (0, 0)
    return points


def test_blink_is_in_units_of_the_distance_between_the_outer_corners() -> None:
    # Two of the twelve points are off by 3 and 4 (a 3-4-5 triangle: 5), the corners lie 10 apart.
    truth = eyes(10)
    prediction = truth.clone()
    prediction[0, 0, 1] += torch.tensor([3.0, 4.0])
    prediction[0, 1, 2] += torch.tensor([3.0, 4.0])
    assert float(losses.blink(prediction, truth)) == pytest.approx(2 * 5 / 12 / 10)
    assert float(losses.blink(2 * prediction, 2 * truth)) == pytest.approx(2 * 5 / 12 / 10)


def test_blink_s_unit_is_each_frame_s_own() -> None:
    truth = torch.cat([eyes(10), eyes(20)])
    assert float(losses.blink(truth + torch.tensor([0.0, 2.0]), truth)) == pytest.approx((0.2 + 0.1) / 2)


def test_losses_of_the_truth_itself_are_zero() -> None:
    image, points = torch.rand(2, 3, 4, 4), torch.rand(2, 2, 6, 2)
    assert float(losses.l1(image, image, torch.ones(1, 1, 4, 4))) == 0
    assert losses.perceptual([image], [image]).tolist() == [0, 0]
    assert float(losses.blink(points, points)) == 0


def test_realism_and_the_image_discriminator_s_loss_are_cross_entropies_of_its_logits() -> None:
    # p(real) is 3/4 at log 3 and 1/2 at 0.
    logits = torch.tensor([math.log(3), 0.0])
    assert float(losses.realism(logits)) == pytest.approx((-math.log(3 / 4) - math.log(1 / 2)) / 2)
    # Real taken for real with 3/4, drawn taken for drawn with 1/4.
    certain = torch.tensor([math.log(3)])
    assert float(losses.tell_apart(certain, certain)) == pytest.approx((-math.log(3 / 4) - math.log(1 / 4)) / 2)

import pytest
import torch

from talkedit.models.codes import draw_mask, make_codes

from .. import tiny


def test_codes_by_hand() -> None:
    pose_deg = torch.tensor([[[15.0, -30.0, 0.0], [7.5, 0.0, 45.0]]])  # (B=1, T=2, 3)
    emotion = torch.zeros(1, 2, 7)
    emotion[0, 0, 3] = emotion[0, 1, 6] = 1
    codes = make_codes(pose_deg, emotion, torch.tensor([[0.0, 0.75]]))
    assert codes["pose"].tolist() == [[[1.0, 0.5], [-2.0, 0.0], [0.0, 3.0]]]
    assert codes["blink"].tolist() == [[[-1.0, 0.5]]]
    assert codes["emotion"].shape == (1, 7, 2)
    assert codes["emotion"][0, :, 0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert {code.dtype for code in codes.values()} == {torch.float32}


@pytest.mark.parametrize(("image_px", "ring_px"), [(256, 32), (24, 3), (96, 12)])
def test_the_mask_leaves_a_ring(image_px: int, ring_px: int) -> None:
    mask = draw_mask(image_px, (0.125, 0.125, 0.875, 0.875))
    assert mask.shape == (1, 1, image_px, image_px)
    inside = slice(ring_px, image_px - ring_px)
    assert mask[..., inside, inside].min() == 1
    assert mask.sum() == (image_px - 2 * ring_px) ** 2


def test_the_baseline_s_mask_is_the_lower_half() -> None:
    mask = draw_mask(8, tiny.model_params(**tiny.WAV2LIP).mask_box)[0, 0]
    assert mask[:4].max() == 0
    assert mask[4:].min() == 1

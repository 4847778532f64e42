from typing import Any

import pytest
import torch

from talkedit.errors import ParamsError
from talkedit.models.attention import DualAttention
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_generator
from talkedit.params import parse

from .. import tiny


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("image_px", 97, "power of two"),
        ("image_px", 8, "greater than or equal to 16"),
        ("width", 2, "greater than or equal to 4"),
        ("mask_share", 1.0, "less than 1"),
        ("sources", "warped", "raw"),
        ("n_frames", "5", "integer"),
    ],
)
def test_a_size_that_cannot_be_is_refused_by_its_dotted_name(name: str, value: Any, reason: str) -> None:
    values = tiny.model_params().model_dump() | {name: value}
    with pytest.raises(ParamsError, match=rf"^params.yaml: model\.{name} is .*{reason}"):
        parse(ModelParams, values, where="params.yaml")


@pytest.mark.parametrize(("sources", "n_channels"), [("raw", 6), ("guided", 9)])
def test_the_generator_takes_source_and_masked_target(sources: str, n_channels: int) -> None:
    generator = build_generator(tiny.model_params(sources=sources))
    assert generator.face.stem.conv.in_channels == n_channels
    assert (generator.to_layers is not None) == (sources == "guided")


def test_the_generator_has_five_encoders() -> None:
    generator = build_generator(tiny.model_params())
    assert sorted(generator.codes) == ["blink", "emotion", "pose"]
    assert generator.bottom.in_features == 5 * 8  # face and audio beside them, D = 8 each


def test_dual_attention_stands_at_the_sides_that_are_asked_for() -> None:
    generator = build_generator(tiny.model_params(image_px=48, attention_px=[12, 48]))
    seen: list[int] = []
    for module in generator.modules():
        if isinstance(module, DualAttention):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[-1]))
    codes = {"pose": torch.zeros(1, 3, 1), "emotion": torch.zeros(1, 7, 1), "blink": torch.zeros(1, 1, 1)}
    with torch.no_grad():
        generator(torch.rand(1, 1, 6, 48, 48), torch.rand(1, 1, 3, 48, 48), torch.rand(1, 1, 80, 16), codes)
    assert seen == [12, 48]


@pytest.mark.parametrize("changes", [{"width": 7}, {"max_width": 100, "width": 32}, {"embedding_dim": 100}])
def test_odd_widths_can_be_built(changes: dict[str, int]) -> None:
    params = tiny.model_params(**changes)
    for build in (build_generator, build_discriminator, build_eye_net):
        assert sum(parameter.numel() for parameter in build(params).parameters()) > 0


@pytest.mark.parametrize("image_px", [16, 24])
def test_the_judges_take_pictures_of_the_generator_s_size(image_px: int) -> None:
    params = tiny.model_params(image_px=image_px)
    images = torch.rand(2, 5, 3, image_px, image_px)
    assert build_eye_net(params)(images[0], torch.rand(5, 2, 3)).shape == (5, 2, 6, 2)
    assert build_discriminator(params).embed_faces(images)["pose"].shape == (2, 8)

from typing import Any

import pytest
import torch

from talkedit.errors import ParamsError
from talkedit.models.attention import DualAttention
from talkedit.models.build import ModelParams, build_discriminator, build_eye_net, build_generator, decoder_widths
from talkedit.models.codes import CODE_ROWS
from talkedit.models.generator import Generator
from talkedit.params import parse

from .. import tiny

CONTRADICTIONS = [
    ({"kind": "wav2lip"}, "attributes", r"must be \[\] where model.kind is wav2lip"),
    ({**tiny.WAV2LIP, "sources": "guided"}, "sources", "must be raw where model.kind is wav2lip"),
    ({**tiny.WAV2LIP, "attention_px": [12]}, "attention_px", r"must be \[\] where model.kind is wav2lip"),
    ({"sources": "guided", "attributes": ["pose"]}, "sources", "set it to raw, or add blink to model.attributes"),
    ({"sources": "guided", "attributes": []}, "sources", "add blink and pose to model.attributes"),
    ({"patch_px": 2, "attention_px": [24]}, "attention_px", "some of the decoder's sides, 12, 6"),
]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("image_px", 97, "power of two"),
        ("image_px", 8, "greater than or equal to 16"),
        ("width", 2, "greater than or equal to 4"),
        ("mask_share", 1.0, "less than 1"),
        ("sources", "warped", "raw"),
        ("kind", "lipgan", "wav2lip"),
        ("attributes", ["emotion", "pose"], "each at most once, in the order pose, emotion, blink"),
        ("attributes", ["pose", "pose"], "each at most once"),
        ("patch_px", 3, "input should be 1, 2 or 4"),
        ("patch_px", 4, "at most an eighth of model.image_px, which is 24"),
        ("attention_px", [12, 13], "some of the decoder's sides, 24, 12, 6"),
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
    assert list(generator.codes) == ["pose", "emotion", "blink"]  # with those of face and audio


@pytest.mark.parametrize(("changes", "name", "reason"), CONTRADICTIONS)
def test_contradictions_are_refused_by_their_dotted_name(changes: dict[str, Any], name: str, reason: str) -> None:
    values = tiny.model_params(sources="raw", attention_px=[]).model_dump() | changes
    with pytest.raises(ParamsError, match=rf"^params.yaml: model\.{name} is .*{reason}"):
        parse(ModelParams, values, where="params.yaml")


@pytest.mark.parametrize("attributes", [[], ["pose"], ["pose", "emotion"], ["pose", "emotion", "blink"], ["blink"]])
def test_nothing_is_left_of_an_encoder_that_is_not_asked_for(attributes: list[str]) -> None:
    everything = build_generator(tiny.model_params(sources="raw"))
    generator = build_generator(tiny.model_params(sources="raw", attributes=attributes))
    keys = {name: {key for key in everything.state_dict() if key.startswith(f"codes.{name}.")} for name in CODE_ROWS}
    absent = set().union(*(keys[name] for name in CODE_ROWS if name not in attributes))
    assert all(keys.values())
    assert generator.state_dict().keys() == everything.state_dict().keys() - absent
    assert _inputs_of_join(generator) == 8 * (1 + len(attributes))  # D = 8, the speech and those


def test_speech_alone_is_not_moved_by_codes() -> None:
    generator = build_generator(tiny.model_params(sources="raw", attributes=[])).eval()
    pictures, mel = torch.rand(2, 1, 5, 3, 24, 24), torch.rand(1, 5, 80, 16)
    codes = {name: torch.randn(1, rows, 5) for name, rows in CODE_ROWS.items()}
    with torch.no_grad():
        painted = [generator(*pictures, mel, given).paint for given in ({}, codes)]
    assert torch.equal(*painted)


def test_the_baseline_hears_speech_and_sees_pictures_alone() -> None:
    generator = build_generator(tiny.model_params(**tiny.WAV2LIP))
    names = {name for name, module in generator.named_children() if list(module.parameters())}
    assert names == {"face", "audio", "join", "ups", "refine", "to_paint"}


@pytest.mark.parametrize(
    ("encoder", "ratio", "max_width", "decoder"),
    [
        ([16, 32, 64, 128, 256, 512, 512], 4, 512, [64, 128, 256, 384, 512, 512, 512]),
        ([16, 32, 64, 128, 256], 1, 256, [16, 32, 64, 128, 256]),
        ([16, 32, 64], 2, 64, [32, 64, 64]),
    ],
)
def test_the_decoder_is_so_many_times_wider(encoder: list[int], ratio: int, max_width: int, decoder: list[int]) -> None:
    assert decoder_widths(encoder, ratio, max_width) == decoder


def _inputs_of_join(generator: Generator) -> int:
    return next(iter(generator.join.parameters())).shape[1]


def test_dual_attention_stands_at_the_sides_that_are_asked_for() -> None:
    generator = build_generator(tiny.model_params(image_px=48, attention_px=[6, 12, 48]))
    seen: list[int] = []
    for module in generator.modules():
        if isinstance(module, DualAttention):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[-1]))
    codes = {"pose": torch.zeros(1, 3, 1), "emotion": torch.zeros(1, 7, 1), "blink": torch.zeros(1, 1, 1)}
    with torch.no_grad():
        generator(torch.rand(1, 1, 6, 48, 48), torch.rand(1, 1, 3, 48, 48), torch.rand(1, 1, 80, 16), codes)
    assert seen == [6, 12, 48]


@pytest.mark.parametrize("changes", [{"width": 7}, {"max_width": 100, "width": 32}, {"embedding_dim": 100}])
def test_odd_widths_can_be_built(changes: dict[str, int]) -> None:
    params = tiny.model_params(**changes)
    for build in (build_generator, build_discriminator, build_eye_net):
        assert sum(parameter.numel() for parameter in build(params).parameters()) > 0


@pytest.mark.parametrize("image_px", [16, 24])
def test_the_judges_take_pictures_of_the_generator_s_size(image_px: int) -> None:
    params = tiny.model_params(image_px=image_px, attention_px=[])
    images = torch.rand(2, 5, 3, image_px, image_px)
    assert build_eye_net(params)(images[0], torch.rand(5, 2, 3)).shape == (5, 2, 6, 2)
    assert build_discriminator(params).embed_faces(images)["pose"].shape == (2, 8)

"""The generator: what it takes, what one frame may depend on, and how a drawing becomes a picture."""

import pytest
import torch
from torch import Tensor

from talkedit.bench import made_up
from talkedit.models.build import build_generator
from talkedit.models.generator import FLOW_UNIT, PAINT_COARSER, Drawing, Generator
from talkedit.models.guide import Sources

from .. import tiny

B, T, PX = 2, 5, 24
Codes = dict[str, Tensor]


def arguments(n_source_channels: int) -> tuple[Tensor, Tensor, Tensor, Codes]:
    torch.manual_seed(0)
    codes = {name: torch.randn(B, rows, T) for name, rows in (("pose", 3), ("emotion", 7), ("blink", 1))}
    pictures = torch.rand(B, T, n_source_channels, PX, PX), torch.rand(B, T, 3, PX, PX)
    return *pictures, torch.randn(B, T, 80, 16), codes


def generator(sources: str) -> Generator:
    torch.manual_seed(1)
    return build_generator(tiny.model_params(sources=sources)).eval()


@torch.no_grad()
def test_raw_sources_are_drawn_whole() -> None:
    drawing = generator("raw")(*arguments(3))
    assert drawing.paint.shape == (B * T, 3, PX, PX)
    assert drawing.flow is None
    assert drawing.share is None
    assert 0 <= drawing.paint.min() < drawing.paint.max() <= 1


@torch.no_grad()
def test_guided_sources_come_in_layers() -> None:
    drawing = generator("guided")(*arguments(6))
    assert drawing.flow is not None
    assert drawing.share is not None
    assert drawing.paint.shape == (B * T, 3, PX // PAINT_COARSER, PX // PAINT_COARSER)
    assert drawing.flow.shape == (B * T, 2, PX, PX)
    assert drawing.share.shape == (B * T, 1, PX, PX)


@torch.no_grad()
def test_a_fresh_guided_generator_shows_the_guided_sources_unmoved_and_unpainted() -> None:
    drawing = generator("guided")(*arguments(6))
    assert drawing.flow is not None
    assert drawing.share is not None
    assert drawing.flow.abs().max() == 0
    assert drawing.paint.abs().max() == 0
    # 1 / (1 + exp(-2.2))
    torch.testing.assert_close(drawing.share, torch.full_like(drawing.share, 0.90025), atol=1e-4, rtol=0)


@torch.no_grad()
def test_paint_over_guided_sources_is_coarse() -> None:
    network = patched(2)
    assert network.to_paint.bias is not None
    network.to_paint.bias.copy_(torch.arange(12) / 10)  # the other weights are 0: a channel of a block a number
    means = torch.tensor([[0.0, 0.1, 0.2, 0.3], [0.4, 0.5, 0.6, 0.7], [0.8, 0.9, 1.0, 1.1]]).tanh().mean(dim=1)
    paint = network(*arguments(6)).paint
    torch.testing.assert_close(paint, means[:, None, None].expand_as(paint))


@torch.no_grad()
def test_the_flow_is_bounded_by_nothing_but_its_unit() -> None:
    trained = generator("guided")
    assert trained.to_layers is not None
    assert trained.to_layers.bias is not None
    trained.to_layers.bias.copy_(torch.tensor([2.0, -1.0, 0.0]))
    flow = trained(*arguments(6)).flow
    assert flow is not None
    torch.testing.assert_close(flow[0, :, 0, 0], torch.tensor([2 * FLOW_UNIT, -FLOW_UNIT]))


@torch.no_grad()
@pytest.mark.parametrize("what", ["pose", "emotion", "blink", "mel"])
def test_what_is_asked_of_a_frame_changes_that_frame_alone(what: str) -> None:
    network = generator("raw")
    source, masked, mel, codes = arguments(3)
    before = network(source, masked, mel, codes).paint
    changed_mel, changed_codes = mel.clone(), {name: code.clone() for name, code in codes.items()}
    if what == "mel":
        changed_mel[1, 2] += 1
    else:
        changed_codes[what][1, :, 2] += 1
    after = network(source, masked, changed_mel, changed_codes).paint
    changed = (after != before).flatten(1).any(dim=1)
    assert changed.nonzero().flatten().tolist() == [1 * T + 2]


def drawing_of(share: float, paint: float = 0.0, flow: tuple[float, float] = (0.0, 0.0), px: int = 8) -> Drawing:
    return Drawing(
        paint=torch.full((1, 3, px, px), paint),
        flow=torch.tensor(flow, dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, px, px),
        share=torch.full((1, 1, px, px), float(share)),
    )


def sources_of(pictures: Tensor, shift: tuple[float, float] = (0.0, 0.0)) -> Sources:
    """Looked up where they are, the guided ones so many of their sides away."""
    here, nowhere = made_up.sources(*pictures.shape[::3])[2:4]
    return Sources(pictures, here + 2 * torch.tensor(shift).view(1, 2, 1, 1), here, nowhere, nowhere)


@pytest.mark.parametrize(("paint", "expected"), [(0.0, 0.6), (-0.25, 0.35), (0.7, 1.0), (-0.9, 0.0)])
def test_a_picture_is_the_shown_sources_and_the_paint(paint: float, expected: float) -> None:
    pictures = torch.full((1, 3, 8, 16), 0.5)
    pictures[..., 8:] = 1.0
    right, left = (torch.full((1, 2, 8, 8), x) for x in (0.5, -0.5))  # the middles of the white and of the grey half
    nowhere = torch.zeros(1, 1, 8, 8)
    sources = Sources(pictures, guided=right, still=left, head=nowhere, eyes=nowhere)
    image = drawing_of(0.2, paint).image(8, sources)  # 0.2 * 1 + 0.8 * 0.5 + paint, kept within 0..1
    torch.testing.assert_close(image, torch.full((1, 3, 8, 8), expected))


@pytest.mark.parametrize("size_px", [8, 32])
def test_flow_moves_the_guided_source_by_so_many_of_its_pixels(size_px: int) -> None:
    pictures = torch.rand(1, 3, size_px, size_px)
    # A picture pixel shows the source 2 pixels to its right and 1 above, of the source's own pixels.
    image = drawing_of(1, flow=(2 / size_px, -1 / size_px)).image(size_px, sources_of(pictures))
    torch.testing.assert_close(image[..., 2:, :-3], pictures[..., 1:-1, 2:-1], atol=1e-5, rtol=0)


def test_flow_leaves_the_eyes_where_they_are_asked_to_be() -> None:
    pictures = torch.rand(1, 3, 32, 32)
    eyes = torch.zeros(1, 1, 32, 32)
    eyes[..., 8:16] = 1
    sources = sources_of(pictures)._replace(eyes=eyes)
    drawing = drawing_of(1, flow=(2 / 32, 0))
    image = drawing.image(32, sources)
    torch.testing.assert_close(image[..., 8:16], pictures[..., 8:16], atol=1e-5, rtol=0)
    torch.testing.assert_close(image[..., 16:-2], pictures[..., 18:], atol=1e-5, rtol=0)


def test_flow_and_guidance_are_looked_up_at_once() -> None:
    pictures = torch.rand(1, 3, 32, 32)
    # Half a pixel to the left and half a pixel to the right: sampled one after the other, they would blur.
    image = drawing_of(1, flow=(0.5 / 32, 0)).image(32, sources_of(pictures, shift=(-0.5 / 32, 0)))
    torch.testing.assert_close(image[..., 1:-1], pictures[..., 1:-1], atol=1e-5, rtol=0)


def test_where_the_head_surely_is_the_guided_source_alone_is_shown() -> None:
    pictures = torch.rand(1, 3, 8, 8)
    sources = sources_of(pictures, shift=(1 / 8, 0))._replace(head=torch.ones(1, 1, 8, 8))
    image = drawing_of(0).image(8, sources)
    torch.testing.assert_close(image[..., :-1], pictures[..., 1:], atol=1e-5, rtol=0)


def test_the_still_source_is_not_moved() -> None:
    pictures = torch.rand(1, 3, 8, 8)
    image = drawing_of(0, flow=(0.3, 0.3)).image(8, sources_of(pictures))
    torch.testing.assert_close(image, pictures, atol=1e-6, rtol=0)


def test_a_picture_has_the_sharpness_of_its_source_and_the_size_that_is_asked_for() -> None:
    pictures = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(drawing_of(1).image(64, sources_of(pictures)), pictures, atol=1e-4, rtol=0)
    assert Drawing(torch.rand(1, 3, 8, 8)).image(64).shape == (1, 3, 64, 64)


def patched(patch_px: int, sources: str = "guided") -> Generator:
    torch.manual_seed(1)
    return build_generator(tiny.model_params(patch_px=patch_px, attention_px=[], sources=sources)).eval()


@torch.no_grad()
def test_blocks_of_pixels_are_taken_as_channels_and_painted_back() -> None:
    network, seen = patched(2, "raw"), list[Tensor]()
    network.face.register_forward_pre_hook(lambda _module, pictures: seen.append(pictures[0]))
    assert network.to_paint.bias is not None
    network.to_paint.weight.zero_()
    network.to_paint.bias.copy_(torch.arange(12) / 10)  # a channel of a block a number
    source, masked, mel, codes = arguments(3)
    drawing = network(source, masked, mel, codes)
    pictures = torch.cat([source, masked], dim=2).flatten(0, 1)
    assert seen[0].shape == (B * T, 24, PX // 2, PX // 2)
    for channel, row, column in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (5, 1, 1)):
        taken = seen[0][:, channel * 4 + row * 2 + column]
        assert torch.equal(taken, pictures[:, channel, row::2, column::2])
    assert drawing.paint.shape == (B * T, 3, PX, PX)
    blue = torch.tensor([[0.8, 0.9], [1.0, 1.1]]).sigmoid()
    torch.testing.assert_close(drawing.paint[0, 2, :4, :4], blue.repeat(2, 2))


@torch.no_grad()
def test_flow_and_share_stay_at_the_network_s_resolution() -> None:
    drawing = patched(2)(*arguments(6))
    assert drawing.flow is not None
    assert drawing.share is not None
    assert drawing.flow.shape == (B * T, 2, PX // 2, PX // 2)
    assert drawing.share.shape == (B * T, 1, PX // 2, PX // 2)
    assert drawing.image(PX, made_up.sources(B * T, PX)).shape == (B * T, 3, PX, PX)


@torch.no_grad()
@pytest.mark.parametrize("patch_px", [1, 2])
def test_the_networks_inside_work_on_the_smaller_picture(patch_px: int) -> None:
    sides = list[int]()
    network = patched(patch_px)
    for module in (network.face.stem, *network.face.levels, *network.ups, network.refine):
        module.register_forward_hook(lambda _module, _inputs, output: sides.append(output.shape[-1]))
    network(*arguments(6))
    assert max(sides) == PX // patch_px


@pytest.mark.parametrize(("sources", "n_channels"), [("raw", 3), ("guided", 6)])
@torch.no_grad()
def test_half_precision_draws_nearly_the_same(sources: str, n_channels: int) -> None:
    network, given = made_up.as_if_trained(generator(sources)), arguments(n_channels)
    shown = made_up.sources(B * T, PX) if sources == "guided" else None
    expected = network(*given).image(PX, shown)
    with torch.autocast("cpu", torch.bfloat16):
        got = network(*given).image(PX, shown)
    assert got.dtype == torch.float32
    assert 0 < (got - expected).abs().mean() < 0.02

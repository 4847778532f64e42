"""The discriminator: its distances by hand, what each term looks at, and that nothing is left of absent terms."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from talkedit.models.build import build_discriminator
from talkedit.models.discriminator import TERMS, CosineDistance, Discriminator, Distance, L2Distance

from .. import tiny

B, T, PX, D = 4, 5, 24, 8
UNIT = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
OTHER = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


@pytest.fixture(params=["l2", "cosine"])
def discriminator(request: pytest.FixtureRequest) -> Discriminator:
    torch.manual_seed(0)
    return build_discriminator(tiny.model_params(), distance=request.param).eval()


def codes() -> dict[str, Tensor]:
    return {"pose": torch.randn(B, 3, T), "emotion": torch.rand(B, 7, T), "blink": torch.rand(B, 1, T)}


def test_the_l2_distance_by_hand() -> None:
    measure = L2Distance(margin=1.5)
    assert measure(UNIT, OTHER).tolist() == [4, 2, 0]
    # (1.5 - 2)+, (1.5 - 1.41421)^2, (1.5 - 0)^2; a distance of 0 is taken as 1e-4.
    assert measure.apart(UNIT, OTHER).tolist() == pytest.approx([0, 0.0073593, (1.5 - 1e-4) ** 2], abs=1e-6)


def test_the_cosine_distance_by_hand() -> None:
    measure = CosineDistance()
    # Scale 10, offset -5: cosines -1, 0, 1 are logits -15, -5, 5, and -log sigmoid(x) = log(1 + e^-x).
    assert measure(UNIT, OTHER).tolist() == pytest.approx([15.0000003, 5.0067153, 0.0067153], abs=1e-5)
    assert measure.apart(UNIT, OTHER).tolist() == pytest.approx([0.0000003, 0.0067153, 5.0067153], abs=1e-5)


def test_the_cosine_distance_is_binary_cross_entropy() -> None:
    measure, (faces, attributes) = CosineDistance(), F.normalize(torch.randn(2, 6, D), dim=-1)
    probability = torch.sigmoid(10 * F.cosine_similarity(faces, attributes) - 5)
    torch.testing.assert_close(measure(faces, attributes), -probability.log())
    torch.testing.assert_close(measure.apart(faces, attributes), -(1 - probability).log())


@torch.no_grad()
def test_embeddings_are_unit_vectors_one_a_term(discriminator: Discriminator) -> None:
    faces = discriminator.embed_faces(torch.rand(B, T, 3, PX, PX))
    mel = torch.randn(B, T, 80, 16)
    attributes = {term: discriminator.embed_attribute(term, {**codes(), "audio": mel}[term]) for term in TERMS}
    assert set(faces) == {"audio", "pose", "emotion"}
    for embedding in (*faces.values(), *attributes.values()):
        assert embedding.shape == (B, D)
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(B))


@torch.no_grad()
def test_distances_are_one_a_window_and_term_and_never_negative(discriminator: Discriminator) -> None:
    distances = discriminator.distances(torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes())
    assert tuple(distances) == TERMS
    for distance in distances.values():
        assert distance.shape == (B,)
        assert (distance >= 0).all()


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_a_smaller_distance_is_a_nearer_pair(distance: Distance) -> None:
    measure = L2Distance(1.0) if distance == "l2" else CosineDistance()
    face = F.normalize(torch.randn(D), dim=0)
    away = F.normalize(torch.randn(D), dim=0)
    line = F.normalize(torch.stack([torch.lerp(face, away, share) for share in (0.0, 0.3, 0.6, 1.0)]), dim=1)
    measured = measure(face, line)
    assert (measured.diff() > 0).all()
    assert (measure.apart(face, line).diff() <= 0).all()


@torch.no_grad()
@pytest.mark.parametrize("changed", ["pose", "emotion", "blink", "mel"])
def test_each_term_looks_at_its_own_attribute(discriminator: Discriminator, changed: str) -> None:
    images, mel, asked = torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes()
    before = discriminator.distances(images, mel, asked)
    if changed == "mel":
        after = discriminator.distances(images, mel + 1, asked)
    else:
        after = discriminator.distances(images, mel, {**asked, changed: asked[changed] + 1})
    moved = {term for term in TERMS if not torch.equal(before[term], after[term])}
    assert moved == {"pose": {"pose"}, "emotion": {"emotion"}, "blink": set(), "mel": {"audio"}}[changed]


CORNERS = ((0, 0), (0, 23), (23, 0), (23, 23), (12, 12))


@torch.no_grad()
def test_it_sees_the_whole_crop_and_every_frame(discriminator: Discriminator) -> None:
    assert seen(discriminator) == {(pixel, frame) for pixel in CORNERS for frame in range(T)}


@torch.no_grad()
def test_the_lip_sync_expert_hears_and_sees_the_lower_half_alone() -> None:
    model = tiny.model_params(kind="wav2lip", attributes=[], sources="raw", attention_px=[])
    expert = build_discriminator(model).eval()
    assert expert.terms == ("audio",)
    assert seen(expert) == {(pixel, frame) for pixel in ((23, 0), (23, 23), (12, 12)) for frame in range(T)}


def seen(discriminator: Discriminator) -> set[tuple[tuple[int, int], int]]:
    """Which of some pixels, (row, column), in which frames change what it makes of the faces."""
    images = torch.rand(1, T, 3, PX, PX)
    before, found = discriminator.embed_faces(images)["audio"], set()
    for row, column in CORNERS:
        for frame in range(T):
            other = images.clone()
            other[0, frame, :, row, column] += 1
            if not torch.equal(discriminator.embed_faces(other)["audio"], before):
                found.add(((row, column), frame))
    return found


@pytest.mark.parametrize(
    ("attributes", "terms"),
    [
        ([], ("audio",)),
        (["pose"], ("audio", "pose")),
        (["pose", "emotion"], ("audio", "pose", "emotion")),
        (["pose", "emotion", "blink"], ("audio", "pose", "emotion")),
    ],
)
def test_its_terms_are_audio_and_what_the_generator_is_told(attributes: list[str], terms: tuple[str, ...]) -> None:
    network = build_discriminator(tiny.model_params(attributes=attributes, sources="raw"))
    assert network.terms == terms
    for absent in set(TERMS) - set(terms):
        assert not [name for name in network.state_dict() if absent in name]
    distances = network.distances(torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes())
    assert tuple(distances) == terms


def test_a_window_of_the_same_frame_has_no_motion(discriminator: Discriminator) -> None:
    shown: list[Tensor] = []
    discriminator.face.register_forward_pre_hook(lambda _module, inputs: shown.append(inputs[0]))
    image = torch.rand(1, 1, 3, PX, PX)
    images = image.repeat(1, T, 1, 1, 1)
    images[:, 0] += 0.5
    discriminator.embed_faces(images)
    mean, *motion = shown[0].unflatten(1, (T, 3)).unbind(dim=1)
    # The mean is 0.1 above the picture; the first frame 0.4 above that, the others 0.1 below; all four times as strong.
    torch.testing.assert_close(mean, image[:, 0] + 0.1)
    for part, expected in zip(motion, (1.6, -0.4, -0.4, -0.4), strict=True):
        torch.testing.assert_close(part, torch.full_like(part, expected), atol=1e-5, rtol=0)

import pytest
import torch

from talkedit.models.build import build_discriminator
from talkedit.models.discriminator import TERMS, Discriminator, squared_distance

from .. import tiny

B, T, PX, D = 4, 5, 24, 8


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return build_discriminator(tiny.model_params()).eval()


def codes() -> dict[str, torch.Tensor]:
    return {"pose": torch.randn(B, 3, T), "emotion": torch.rand(B, 7, T), "blink": torch.rand(B, 1, T)}


def test_squared_distance_by_hand() -> None:
    unit = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
    other = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert squared_distance(unit, other).tolist() == [4, 2, 0]


@torch.no_grad()
def test_embeddings_are_unit_vectors_one_a_term(discriminator: Discriminator) -> None:
    faces = discriminator.embed_faces(torch.rand(B, T, 3, PX, PX))
    attributes = discriminator.embed_attributes(torch.randn(B, T, 80, 16), codes())
    assert set(faces) == set(attributes) == {"audio", "pose", "emotion"}
    for embedding in (*faces.values(), *attributes.values()):
        assert embedding.shape == (B, D)
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(B))


@torch.no_grad()
def test_distances_lie_between_0_and_4(discriminator: Discriminator) -> None:
    distances = discriminator.distances(torch.rand(B, T, 3, PX, PX), torch.randn(B, T, 80, 16), codes())
    assert tuple(distances) == TERMS
    assert all(0 <= value <= 4 for distance in distances.values() for value in distance.tolist())


@torch.no_grad()
@pytest.mark.parametrize("changed", ["pose", "emotion", "blink", "mel"])
def test_each_term_looks_at_its_own_attribute(discriminator: Discriminator, changed: str) -> None:
    mel, asked = torch.randn(B, T, 80, 16), codes()
    before = discriminator.embed_attributes(mel, asked)
    if changed == "mel":
        after = discriminator.embed_attributes(mel + 1, asked)
    else:
        after = discriminator.embed_attributes(mel, {**asked, changed: asked[changed] + 1})
    moved = {term for term in TERMS if not torch.equal(before[term], after[term])}
    assert moved == {"pose": {"pose"}, "emotion": {"emotion"}, "blink": set(), "mel": {"audio"}}[changed]


@torch.no_grad()
def test_it_sees_the_whole_crop_and_every_frame(discriminator: Discriminator) -> None:
    images = torch.rand(1, T, 3, PX, PX)
    before = discriminator.embed_faces(images)["pose"]
    for row, column in ((0, 0), (0, 23), (23, 0), (23, 23), (12, 12)):
        for frame in (0, 4):
            other = images.clone()
            other[0, frame, :, row, column] += 1
            assert not torch.equal(discriminator.embed_faces(other)["pose"], before)

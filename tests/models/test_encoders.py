import pytest
import torch

from talkedit.models.encoders import AudioEncoder, CodeEncoder, FaceEncoder, level_widths

B, T, D = 2, 5, 8


@pytest.mark.parametrize(
    ("image_px", "widths"),
    [(16, [4, 8, 16]), (24, [4, 8, 16]), (96, [4, 8, 16, 20, 20]), (256, [4, 8, 16, 20, 20, 20, 20])],
)
def test_widths_double_up_to_the_most(image_px: int, widths: list[int]) -> None:
    assert level_widths(image_px, width=4, max_width=20) == widths


@pytest.mark.parametrize("image_px", [17, 20, 28, 50, 100, 255])
def test_a_side_that_cannot_be_halved_down_is_refused(image_px: int) -> None:
    with pytest.raises(ValueError, match=f"not {image_px}"):
        level_widths(image_px, 4, 8)


@pytest.mark.parametrize("n_rows", [3, 7, 1])
def test_codes_give_an_embedding_a_frame(n_rows: int) -> None:
    assert CodeEncoder(n_rows, D)(torch.randn(B, n_rows, T)).shape == (B, D, T)


def test_mel_windows_give_an_embedding_a_frame() -> None:
    assert AudioEncoder(4, D)(torch.randn(B, T, 80, 16)).shape == (B, D, T)


def test_a_face_gives_an_embedding_and_features_at_every_scale() -> None:
    encoder = FaceEncoder(9, 24, [4, 8, 16], D, n_residual=1)
    embedding, features = encoder(torch.randn(3, 9, 24, 24))
    assert embedding.shape == (3, D)
    assert [tuple(x.shape) for x in features] == [(3, 4, 24, 24), (3, 8, 12, 12), (3, 16, 6, 6)]


@pytest.mark.parametrize("n_rows", [3, 7, 1])
def test_a_frame_s_code_changes_its_embedding_alone(n_rows: int) -> None:
    encoder, code = CodeEncoder(n_rows, D), torch.randn(B, n_rows, T)
    other = code.clone()
    other[0, :, 3] += 1
    changed = (encoder(other) != encoder(code)).any(dim=1)
    assert changed.nonzero().tolist() == [[0, 3]]


def test_every_row_of_a_code_counts() -> None:
    encoder, code = CodeEncoder(7, D), torch.randn(1, 7, 1)
    for row in range(7):
        other = code.clone()
        other[0, row] += 1
        assert not torch.equal(encoder(other), encoder(code))

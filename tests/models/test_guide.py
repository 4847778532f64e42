"""Turning a head by geometry: what is looked up where, read off pictures whose colours are their own coordinates."""

import numpy as np
import pytest
import torch
from torch import Tensor

from talkedit.face.head import TURNING_POINT, turn_heads
from talkedit.face.pose import HEAD_MODEL_INDICES, HEAD_MODEL_POINTS
from talkedit.models.expressions import Expression, move_face
from talkedit.models.guide import ELLIPSOID_CENTRE, ELLIPSOID_RADII, RELIEF, guide
from talkedit.models.heads import Heads
from talkedit.models.landmarks import eye_points
from talkedit.models.lids import Eyes, move_lids, near_eyes
from talkedit.models.lips import Mouth, lip_shape, move_lips
from talkedit.records import EMOTIONS

from .. import tiny
from .scene import LAST, PX_PER_CM, SIDE_PX, at, heads, project

NOSE = HEAD_MODEL_POINTS[HEAD_MODEL_INDICES.tolist().index(30)]
# The nose's tip stands 1.7 cm out of the ellipsoid and 2.1 in the relief, whose slopes are gentler than a nose's.
NOSE_TOO_FLAT_CM = 0.7
INTERPOLATION_PX = 0.1
# A ray meets the relief a little beside where it meets the ellipsoid, and cubic lookups bend a ramp by 0.05 px.
RELIEF_TOLERANCE_PX = 0.45
SAME_POSITION = 1e-5  # share of the side
DOT_PX = 0.2  # how far the middle of a dot is from where the dot's middle went


def coordinates() -> Tensor:
    """(1, 3, S, S): red is a pixel's x, green its y, so that a result says where each of its pixels was taken from."""
    ramp = torch.arange(SIDE_PX) / LAST
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    return torch.stack([x, y, 0 * x])[None]


def looked_up(picture: Tensor, at_px: np.ndarray) -> np.ndarray:
    """Where in the source the picture's pixels at (N, 2) come from, in pixels."""
    positions = torch.as_tensor((at_px + 0.5) / SIDE_PX * 2 - 1, dtype=torch.float32)[None, None]
    colours = torch.nn.functional.grid_sample(picture[:, :2], positions, align_corners=False)
    return (colours[0, :, 0].T * LAST).numpy()


def surface(angles_deg: list[tuple[float, float]]) -> np.ndarray:
    """Points of the head, by longitude and latitude about the ellipsoid's point nearest to the camera."""
    longitude, latitude = np.radians(np.array(angles_deg)).T
    unit = [np.sin(longitude) * np.cos(latitude), np.sin(latitude), -np.cos(longitude) * np.cos(latitude)]
    points = np.stack(unit, axis=1) * ELLIPSOID_RADII + ELLIPSOID_CENTRE
    for _, x, y, height, wide, high in RELIEF:
        across, down = (points[:, 0] - x) / wide, (points[:, 1] - y) / high
        points[:, 2] -= height * np.exp(-(across**2 + down**2) / 2)
    return points


def test_the_ellipsoid_turns_about_its_centre() -> None:
    assert tuple(TURNING_POINT) == ELLIPSOID_CENTRE


def test_the_same_pose_leaves_the_picture_as_it_is() -> None:
    source = torch.rand(1, 3, SIDE_PX, SIDE_PX)
    same = heads(at(3, -2, (20, 10, -5)))
    guided, still = guide(source, same, same).layers().split(3, dim=1)
    assert (guided - source).abs().max() < 1 / 255
    assert (still - source).abs().max() < 1 / 255


def test_what_follows_from_the_same_head_is_what_would_be_worked_out() -> None:
    source, same = torch.rand(1, 3, SIDE_PX, SIDE_PX), heads(at(3, -2, (20, 10, -5)))
    short, long = guide(source, same, same), guide(source, same, Heads(*(part.clone() for part in same)))
    assert short.still is None
    assert long.still is not None
    torch.testing.assert_close(short.guided, long.guided, atol=SAME_POSITION, rtol=0)
    torch.testing.assert_close(short.head, long.head)
    torch.testing.assert_close(short.still_pictures(), long.still_pictures(), atol=1 / 255, rtol=0)


@pytest.mark.parametrize("turned_deg", [(0, 0, 0), (25, -10, 8)])
@pytest.mark.parametrize("opening", [0.0, 0.6])
def test_lids_lips_and_expression_are_moved_in_a_part_as_they_would_be_in_all(
    turned_deg: tuple[float, float, float], opening: float
) -> None:
    asked, picture = torch.tensor([opening]), torch.rand(1, 3, SIDE_PX, SIDE_PX)
    points = torch.from_numpy((project(tiny.face_points(0.7), at()) + 0.5) / SIDE_PX).float()[None]
    eyes = Eyes(eye_points(points), torch.tensor([0.7]), asked)
    surprised = Expression(points, torch.tensor([[float(name == "surprise") for name in EMOTIONS]]))
    source, target = heads(at()), heads(at(pose_deg=turned_deg))
    mouth = Mouth(points, source, lip_shape(points, source) * (0.6 + opening))
    x, y = ((guide(picture, source, target).guided + 1) / 2).unbind(dim=1)
    moves = move_lids(x, y, eyes), move_lips(x, y, mouth), move_face(x, y, surprised)
    shift = torch.stack([torch.stack(move) for move in moves]).sum(dim=0)
    expected = torch.stack([x, y], dim=1) + shift.transpose(0, 1)
    got = guide(picture, source, target, None, eyes, mouth, surprised)
    assert (shift.abs() * SIDE_PX).max() > 1
    torch.testing.assert_close((got.guided + 1) / 2, expected, atol=SAME_POSITION, rtol=0)
    torch.testing.assert_close(got.eyes[:, 0], near_eyes(x, y, eyes), atol=SAME_POSITION, rtol=0)


def test_a_head_that_moves_is_looked_up_where_it_was() -> None:
    # 4 cm to the right and 3 up, 8 and 6 px at the point of the ellipsoid that is nearest to the camera.
    source = at()
    target = source + np.array([[0, 0, 0, 4], [0, 0, 0, -3], [0, 0, 0, 0]])
    guided = guide(coordinates(), heads(source), heads(target)).layers()[:, :3]
    nearest = project(surface([(0, 0)]), target)  # of the ellipsoid, 142.5 cm away; the relief is 0.1 cm there
    np.testing.assert_allclose(looked_up(guided, nearest), nearest - [[8, -6]], atol=INTERPOLATION_PX)


def test_every_visible_point_of_the_head_is_looked_up_where_the_source_shows_it() -> None:
    points = surface([(0, 0), (40, 0), (-40, 20), (10, -50), (-20, 50)])
    source, target = at(-1, 2, (-10, 5, 8)), at(2, 1, (12, -8, -6))
    guided = guide(coordinates(), heads(source), heads(target)).layers()[:, :3]
    found = looked_up(guided, project(points, target))
    np.testing.assert_allclose(found, project(points, source), atol=RELIEF_TOLERANCE_PX)


def test_a_positive_yaw_moves_the_nose_to_where_the_turned_head_has_it() -> None:
    yaw_deg = 15.0
    source = at()
    target = turn_heads(source[None], [[yaw_deg, 0, 0]])[0]
    nose, expected = project(NOSE[None], source)[0], project(NOSE[None], target)[0]
    assert expected[0] - nose[0] > 5  # to their own left: to the viewer's right

    y, x = torch.meshgrid(torch.arange(SIDE_PX), torch.arange(SIDE_PX), indexing="ij")
    dot = torch.exp(-((x - nose[0]) ** 2 + (y - nose[1]) ** 2) / (2 * 1.2**2)).float()
    guided = guide(dot.expand(1, 3, -1, -1), heads(source), heads(target)).layers()[0, 0]
    found = np.array([float((guided * axis).sum() / guided.sum()) for axis in (x, y)])
    tolerance_px = NOSE_TOO_FLAT_CM * np.sin(np.radians(yaw_deg)) * PX_PER_CM + DOT_PX
    np.testing.assert_allclose(found, expected, atol=tolerance_px)


def test_what_is_looked_up_between_pixels_stays_sharp() -> None:
    # Columns in black and white, looked up a quarter of a pixel beside: bilinear, with weights 0.75 and 0.25, half of
    # the contrast is left. Cubic with a = -0.75 the weights are -0.105, 0.879, 0.262 and -0.035.
    ticks = torch.arange(SIDE_PX)
    stripes = (ticks % 2).float().expand(1, 3, SIDE_PX, SIDE_PX)
    still = guide(stripes, heads(at()), heads(at(), shift_px=(0.25, 0))).layers()[0, 3, 5:-5, 5:-5]
    contrast = (still[:, ::2] - still[:, 1::2]).abs().mean()
    assert float(contrast) == pytest.approx(0.879 - 0.262 + 0.105 - 0.035, abs=0.01)


def test_what_is_far_from_the_head_does_not_move() -> None:
    source = torch.rand(1, 3, SIDE_PX, SIDE_PX)
    guided, still = guide(source, heads(at()), heads(at(2, 0, (15, 5, 5)))).layers().split(3, dim=1)
    for corner in (guided - still)[..., :15, :15], (guided - still)[..., -15:, -15:]:
        assert corner.abs().max() == 0
    middle = slice(50, 70)
    assert (guided - still)[..., middle, middle].abs().max() > 0.1


def test_the_still_layer_follows_the_place_of_the_picture_and_nothing_else() -> None:
    source = torch.rand(1, 3, SIDE_PX, SIDE_PX)
    turned = guide(source, heads(at(1, 1, (5, 5, 5))), heads(at(4, -3, (20, 10, -5)))).layers()[:, 3:]
    torch.testing.assert_close(turned, source, atol=1e-3, rtol=0)
    # The target's picture begins 3 px further right and 2 further up in the frame.
    moved = guide(source, heads(at()), heads(at(), shift_px=(3, -2))).layers()[:, 3:]
    torch.testing.assert_close(moved[..., 2:, :-3], source[..., :-2, 3:], atol=1e-3, rtol=0)


def test_a_head_is_turned_within_a_picture_that_has_moved() -> None:
    points = surface([(0, 0), (30, 20), (-30, -20)])
    source, target, shift_px = at(), at(1, 0, (10, 0, 0)), (3.0, -2.0)
    guided = guide(coordinates(), heads(source), heads(target, shift_px)).layers()[:, :3]
    found = looked_up(guided, project(points, target) - shift_px)
    np.testing.assert_allclose(found, project(points, source), atol=RELIEF_TOLERANCE_PX)


def test_the_pictures_to_be_made_may_be_of_another_size() -> None:
    source, here, there = coordinates(), heads(at()), heads(at(2, 1, (12, -8, -6)))
    fine = guide(source, here, there, size_px=2 * SIDE_PX).layers()
    assert fine.shape == (1, 6, 2 * SIDE_PX, 2 * SIDE_PX)
    coarse = torch.nn.functional.avg_pool2d(fine, 2)
    middle = slice(20, 100)
    difference = (coarse - guide(source, here, there).layers())[..., middle, middle].abs() * LAST
    assert difference.mean() < INTERPOLATION_PX


def test_the_head_is_sure_on_the_face_and_nowhere_around_it() -> None:
    here = heads(at())
    head = guide(torch.rand(1, 3, SIDE_PX, SIDE_PX), here, heads(at(0, 0, (10, 0, 0)))).head[0, 0]
    assert head.shape == (SIDE_PX, SIDE_PX)
    nose, ear = (project(points, at()).round().astype(int)[0] for points in (NOSE[None], surface([(80, 0)])))
    assert head[nose[1], nose[0]] == 1
    assert head[ear[1], ear[0]] == 0
    assert head[:10].max() == head[-10:].max() == 0

"""Made-up inputs: pictures of noise with heads, sound and codes of the right shapes. Speed depends on no more."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talkedit.bench.reference import STEPS
from talkedit.edit.renderer import Crops
from talkedit.face.head import camera_of
from talkedit.face.pose import rotation_from_angles
from talkedit.models.attention import ChannelAttention, PositionAttention
from talkedit.models.codes import CODE_ROWS
from talkedit.models.generator import Generator
from talkedit.models.guide import Sources
from talkedit.models.heads import Heads
from talkedit.models.lips import CHIN, LINES, NOSE_BASE
from talkedit.records import EMOTIONS, Attributes, Doubles, Floats
from talkedit.shards.windows import Batch

FRAME_SIZE_PX = (1280, 720)
HEAD_AT = (0.0, 0.0, 90.0)  # about as large as in the footage of a speaker at a desk
NOSE_BASE_AT, CHIN_AT, MOUTH_AT, MOUTH_HALF_WIDTH = (0.5, 0.57), (0.5, 0.78), (0.5, 0.65), 0.08
LINES_DOWN = (-0.03, -0.01, 0.02, 0.05)  # of the lips' edges, in the mouth's middle
CROP_AT_PX, CROP_SIDE_PX = (440.0, 160.0), 400.0


def codes(n_windows: int, n_frames: int) -> dict[str, Tensor]:
    """Codes as the generator takes them, (B, C, T) each."""
    return {name: torch.randn(n_windows, rows, n_frames) for name, rows in CODE_ROWS.items()}


def reference_inputs(n_images: int, image_px: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """What the reference takes."""
    pictures = torch.rand(n_images, 3, image_px, image_px), torch.rand(n_images, 3, image_px, image_px)
    images = {name: torch.randn(n_images, 1, rows, STEPS) for name, rows in CODE_ROWS.items()}
    return *pictures, torch.randn(n_images, 1, 80, STEPS), images


def attributes(n_frames: int) -> Attributes:
    """Codes in their own units, a frame each."""
    rng = np.random.default_rng(0)
    return Attributes(
        rng.uniform(-10, 10, (n_frames, 3)).astype(np.float32),
        rng.dirichlet(np.ones(len(EMOTIONS)), n_frames).astype(np.float32),
        rng.random(n_frames).astype(np.float32),
    )


def heads(pose_deg: Floats) -> Floats:
    """camera_from_head, (N, 3, 4), of heads in the middle of the frame that show (N, 3) angles."""
    at = np.array(HEAD_AT)
    return np.stack([np.column_stack([rotation_from_angles(angles, at), at]) for angles in pose_deg]).astype(np.float32)


def landmarks(n_frames: int) -> Floats:
    """(N, 68, 2), shares of the side: eyes, nose, mouth and chin where they may be, the other points in the middle."""
    points = np.full((68, 2), 0.5)
    for first, x in ((36, 0.36), (42, 0.54)):
        points[first : first + 6] = np.array([(0, 0), (3, -2), (7, -2), (10, 0), (7, 2), (3, 2)]) / 100 + (x, 0.45)
    points[NOSE_BASE], points[CHIN] = NOSE_BASE_AT, CHIN_AT
    along = np.linspace(-1, 1, 7)
    for line, down in zip(LINES, LINES_DOWN, strict=True):
        points[list(line)] = np.column_stack([MOUTH_HALF_WIDTH * along, down * (1 - along**2)]) + MOUTH_AT
    return np.tile(points, (n_frames, 1, 1)).astype(np.float32)


def crops(n_frames: int, size_px: int) -> Crops:
    """Crops as the editor cuts them out."""
    random = attributes(n_frames)
    return Crops(
        images=np.random.default_rng(1).integers(0, 256, (n_frames, size_px, size_px, 3), np.uint8),
        camera_from_head=heads(random.pose_deg),
        camera=np.tile(camera_of(FRAME_SIZE_PX), (n_frames, 1)),
        frame_from_crop=np.tile(_frame_from_square(size_px), (n_frames, 1, 1)),
        landmarks=landmarks(n_frames),
        eye_openness=random.eye_openness,
        emotion=random.emotion,
    )


def sources(n_images: int, image_px: int) -> Sources:
    """Guided sources of noise that are looked up where they are, with nothing known of head and eyes."""
    identity = torch.eye(2, 3).expand(n_images, 2, 3)
    positions = F.affine_grid(identity, [n_images, 3, image_px, image_px], align_corners=False).permute(0, 3, 1, 2)
    nowhere = torch.zeros(n_images, 1, image_px, image_px)
    return Sources(torch.rand(n_images, 3, image_px, image_px), positions, positions, nowhere, nowhere)


def batch(n_windows: int, n_frames: int, image_px: int) -> Batch:
    """Windows as they come from the shards."""
    n_images = n_windows * n_frames
    random = attributes(n_images)

    def in_windows(values: Floats) -> Tensor:
        return torch.from_numpy(values).unflatten(0, (n_windows, n_frames))

    def pictures() -> Tensor:
        return torch.randint(0, 256, (n_windows, n_frames, 3, image_px, image_px), dtype=torch.uint8)

    def placed(pose_deg: Floats) -> Heads:
        camera, frame = torch.from_numpy(camera_of(FRAME_SIZE_PX)), torch.from_numpy(_frame_from_square(1)).float()
        camera_from_head = torch.from_numpy(heads(pose_deg))
        return Heads(camera_from_head, camera.repeat(n_images, 1), frame.repeat(n_images, 1, 1))

    return Batch(
        keys=[f"made up:{index}" for index in range(n_windows)],
        target=pictures(),
        source=pictures(),
        mel=torch.randn(n_windows, n_frames, 80, STEPS),
        pose_deg=in_windows(random.pose_deg),
        emotion=in_windows(random.emotion),
        eye_openness=in_windows(random.eye_openness),
        landmarks=in_windows(landmarks(n_images)),
        source_landmarks=in_windows(landmarks(n_images)),
        source_eye_openness=in_windows(1 - random.eye_openness),
        target_heads=placed(random.pose_deg),
        source_heads=placed(-random.pose_deg),
    )


@torch.no_grad()
def as_if_trained(generator: Generator) -> Generator:
    """Random statistics and gains, so that nothing is the identity that it is before training; evaluation mode."""
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            ranges = {"running_mean": (-0.5, 0.5), "running_var": (0.5, 2.0), "weight": (0.5, 1.5), "bias": (-0.5, 0.5)}
            for name, (low, high) in ranges.items():
                getattr(module, name).uniform_(low, high)
        if isinstance(module, PositionAttention | ChannelAttention):
            nn.init.constant_(module.gamma, 0.7)
    for layer in (generator.to_paint, generator.to_layers):
        if layer is not None:
            nn.init.normal_(layer.weight, std=0.1)
    return generator.eval()


def _frame_from_square(size: float) -> Doubles:
    scale = CROP_SIDE_PX / size
    return np.array([[scale, 0, CROP_AT_PX[0]], [0, scale, CROP_AT_PX[1]], [0, 0, 1]])

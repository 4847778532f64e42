"""Params of trainings that take milliseconds a step, and curves in memory."""

from typing import Any

from talkedit.models.losses import LossParams
from talkedit.train.discriminator import DiscriminatorParams
from talkedit.train.generator import TrainParams


class KeptCurves:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.points: list[tuple[int, dict[str, float]]] = []

    def begin(self, step: int) -> None:
        self.calls.append(f"begin {step}")

    def add(self, values: dict[str, float], step: int) -> None:
        self.points.append((step, values))

    def end(self) -> None:
        self.calls.append("end")

    def of(self, name: str) -> list[tuple[int, float]]:
        """One curve."""
        return [(step, values[name]) for step, values in self.points]


def discriminator_params(**changes: Any) -> DiscriminatorParams:
    values = {"seed": 0, "n_steps": 6, "n_windows": 4, "learning_rate": 1e-3, "margin": 1.0, "jitter_share": 0.05}
    gaps = {"min_mel_gap": 0.5, "min_pose_gap_deg": 2.0, "min_emotion_gap": 0.1, "min_negative_share": 0.1}
    gates = {"distance": "l2", "gate_steps": 0, "chance_after_share": 1.0, "log_every_n_steps": 2}
    return DiscriminatorParams.model_validate({**values, **gaps, **gates, **changes})


def train_params(**changes: Any) -> TrainParams:
    values = {"seed": 0, "n_steps": 6, "n_windows": 1, "learning_rate": 1e-3, "decay_from": 0.5, "max_grad_norm": 1.0}
    rest = {"ema_decay": 0.9, "other_clips_share": 0.5, "jitter_share": 0.05, "log_every_n_steps": 2}
    return TrainParams.model_validate({**values, **rest, **changes})


def loss_params(**changes: Any) -> LossParams:
    """All terms but the perceptual one count from the first step on."""
    weights = {"lambda_v": 0.02, "lambda_s": 0.1, "lambda_b": 1.0, "lambda_g": 0.01, "ring_weight": 0.1}
    rest = {
        "features_weight": 4.0,
        "perceptual_net": "none",
        "perceptual_share": 0.2,
        "ramp_start_step": 0,
        "ramp_steps": 1,
    }
    return LossParams.model_validate({**weights, **rest, **changes})

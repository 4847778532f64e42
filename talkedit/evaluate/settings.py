"""How a model is examined: the section evaluate."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from talkedit.evaluate.footage import Indices
from talkedit.evaluate.loop import ANGLES, OPENNESS, Steps
from talkedit.evaluate.reconstruct import ALWAYS_THERE
from talkedit.evaluate.systems import SystemParams
from talkedit.params import Section


class EvaluateParams(Section):
    """How a model is examined."""

    section: ClassVar[str] = "evaluate"
    n_pairs: int = Field(gt=0, description="random pairs of held-out clips; all there are, where these are fewer")
    seed: int = Field(ge=0, description="another one draws other pairs")
    sync: Literal["own", "syncnet"] = Field(description="who judges lips against speech; the numbers carry the name")
    max_clips: int = Field(gt=0, description="most held-out clips that are looked at")
    max_source_frames: int = Field(gt=0, description="most training frames that sources are chosen from")
    sweep_clips: int = Field(gt=0, description="clips in the closed loop, and driven by other clips' speech")
    sweep_frames: int = Field(gt=1, description="frames of each clip that are edited in the closed loop")
    pose_sweep_deg: list[Annotated[float, Field(ge=-60, le=60)]] = Field(
        description="changes of each angle that are asked for, degrees; up to 60, as in an edit"
    )
    openness_sweep: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        description="values of eye openness that are asked for, 0..1"
    )
    sheet_rows: int = Field(gt=0, description="frames of each clip on the contact sheet")
    systems: dict[str, SystemParams] = Field(description="outside systems of the table, by name")

    @field_validator("pose_sweep_deg", "openness_sweep")
    @classmethod
    def _is_a_sweep(cls, values: list[float]) -> list[float]:
        if len(set(values)) < 2:
            raise ValueError("a sweep has a slope only where two different values or more are asked for; give another")
        return values

    @field_validator("systems")
    @classmethod
    def _is_outside(cls, systems: dict[str, SystemParams]) -> dict[str, SystemParams]:
        if taken := systems.keys() & set(ALWAYS_THERE):
            raise ValueError(f"the table has a line {min(taken)!r} of its own; give the outside system another name")
        return systems

    @property
    def steps(self) -> Steps:
        """What is asked for in the closed loop, by control."""
        return {**dict.fromkeys(ANGLES, self.pose_sweep_deg), OPENNESS: self.openness_sweep}

    def middle(self, n_frames: int) -> Indices:
        """The frames of a clip that are edited in the closed loop."""
        first = max(n_frames - self.sweep_frames, 0) // 2
        return np.arange(n_frames)[first : first + self.sweep_frames]

    def shown(self, n_frames: int) -> Indices:
        """Those of them that are on the contact sheet."""
        middle = self.middle(n_frames)
        return middle[:: max(len(middle) // self.sheet_rows, 1)][: self.sheet_rows]

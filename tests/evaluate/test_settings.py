"""What the section evaluate refuses."""

import pytest
from pydantic import ValidationError

from talkedit.evaluate.settings import EvaluateParams


@pytest.mark.parametrize("name", ["this system", "ground truth", "copied source", "nearest training frame"])
def test_an_outside_system_has_a_name_of_its_own(evaluate_params: EvaluateParams, name: str) -> None:
    values = evaluate_params.model_dump() | {"systems": {"EAMM": {"folder": "eamm", "reason": None}}}
    assert list(EvaluateParams.model_validate(values).systems) == ["EAMM"]
    with pytest.raises(ValidationError, match=f"has a line '{name}' of its own"):
        EvaluateParams.model_validate(values | {"systems": {name: {"folder": "eamm", "reason": None}}})


@pytest.mark.parametrize(
    ("key", "values", "problem"),
    [
        ("openness_sweep", [-3.0, 0.5], "greater than or equal to 0"),
        ("openness_sweep", [0.5, 7.0], "less than or equal to 1"),
        ("openness_sweep", [0.5], "two different values"),
        ("pose_sweep_deg", [-61.0, 0.0], "greater than or equal to -60"),
        ("pose_sweep_deg", [5.0, 5.0], "two different values"),
    ],
)
def test_a_sweep_has_two_values_that_can_be_asked_for(
    evaluate_params: EvaluateParams, key: str, values: list[float], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        EvaluateParams.model_validate(evaluate_params.model_dump() | {key: values})

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

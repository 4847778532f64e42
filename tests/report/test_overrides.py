"""What is handed to DVC arrives in params.yaml as it was meant, read by DVC itself."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from talkedit.report.overrides import folder_override, override


def as_dvc_sets(file: Path, params: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """The params after `settings`, by the way that `dvc exp run -S` takes."""
    file.write_text(yaml.safe_dump(params))
    (sweep,) = get_hydra_sweeps(to_path_overrides(settings))
    apply_overrides(str(file), *sweep.values())
    return yaml.safe_load(file.read_text())


def test_numbers_names_and_lists(tmp_path: Path) -> None:
    wanted = {"seed": 3, "kind": "wav2lip", "attributes": ["pose", "blink"], "attention_px": [], "reference": None}
    before = {"model": dict.fromkeys(wanted, "other")}
    settings = [override("model", key, value) for key, value in wanted.items()]
    assert as_dvc_sets(tmp_path / "params.yaml", before, settings) == {"model": wanted}


@pytest.mark.parametrize("name", ["PC-AVS", "true", "EAMM_2"])
def test_a_system_gets_its_folder_and_the_others_keep_theirs(tmp_path: Path, name: str) -> None:
    other = {"folder": None, "reason": "no release"}
    before = {"evaluate": {"systems": {name: {"folder": "old", "reason": None}, "EAMM": other}}}
    setting = folder_override(name, "/results/of it")
    assert setting is not None
    systems = as_dvc_sets(tmp_path / "params.yaml", before, [setting])["evaluate"]["systems"]
    assert systems == {name: {"folder": "/results/of it", "reason": None}, "EAMM": other}


@pytest.mark.parametrize(
    "folder",
    ["/a'b", '/a"b', "/a b,c={x}", "/a:b", "C:\\x\\y", "/a\\'b", "/a\\", "/a\\\\", "/${x}/y", "/\\${x}", "/$x", "/ü#"],
)
def test_a_folder_may_be_any_path(tmp_path: Path, folder: str) -> None:
    before = {"evaluate": {"systems": {"PC-AVS": {"folder": "old", "reason": None}}}}
    setting = folder_override("PC-AVS", folder)
    assert setting is not None
    after = as_dvc_sets(tmp_path / "params.yaml", before, [setting])
    assert after["evaluate"]["systems"]["PC-AVS"]["folder"] == folder


@pytest.mark.parametrize("name", ["", "it's", "Wav2Lip 2", "a.b", "x=y", "${p}", "ünï", "1.5", "3"])
def test_names_that_are_no_key_are_not_tried(name: str) -> None:
    assert folder_override(name, "/results") is None

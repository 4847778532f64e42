"""The commands run at tiny sizes and give what they promise."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from talkedit.bench.commands import bench
from talkedit.errors import ParamsError

from .. import tiny

FIELDS = {
    "name", "n_parameters", "gmacs_an_image", "images_per_s", "images_per_s_low", "images_per_s_high", "s_per_step",
    "waited_share", "peak_memory_mb", "times_first", "n_rounds",
}  # fmt: skip
SAME_PICTURE = 1e-3


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """The repository's params with the tiniest network."""
    values = yaml.safe_load(tiny.PARAMS_FILE.read_text(encoding="utf-8"))
    values["model"] = tiny.model_params().model_dump()
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def run(*arguments: object) -> dict[str, Any]:
    """Runs a command; its JSON."""
    out = Path(str(arguments[-1]))
    ended = CliRunner().invoke(bench, [str(argument) for argument in arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["machine"]["processor"]
    assert f"{content['machine']['cores']} cores" in " ".join(ended.output.split())
    return content


def test_infer_compares_four(params: Path, tmp_path: Path) -> None:
    out = tmp_path / "infer.json"
    content = run("infer", "--params", params, "--image-px", 64, "--images", 2, "--rounds", 2, "--json", out)
    assert [row["name"] for row in content["rows"]] == ["reference", "plain", "folded", "editor"]
    assert all(row.keys() == FIELDS and row["images_per_s"] > 0 for row in content["rows"])
    assert content["rows"][0]["times_first"] == 1.0
    assert content["rows"][0]["gmacs_an_image"] > content["rows"][1]["gmacs_an_image"] > 0
    assert content["folded_differs_by"] < SAME_PICTURE
    assert content["folded_times_plain"] > 0
    # Attention at half of 24 px becomes attention at half of 64 px.
    assert content["model"]["attention_px"] == [32]


@pytest.mark.parametrize("with_shards", [False, True])
def test_train_compares_two(with_shards: bool, params: Path, tmp_path: Path) -> None:
    data = ("--shards", tiny.write_shards(tmp_path / "shards", tiny.corpus())) if with_shards else ()
    options = ("--params", params, "--image-px", 64, "--rounds", 2)
    content = run("train", *options, *data, "--json", tmp_path / "train.json")
    assert [row["name"] for row in content["rows"]] == ["reference", "network"]
    assert all(row.keys() == FIELDS and 0 <= row["waited_share"] < 1 for row in content["rows"])


def test_loader_compares_ways(params: Path, tmp_path: Path) -> None:
    shards, out = tiny.write_shards(tmp_path / "shards", tiny.corpus()), tmp_path / "loader.json"
    options = ("--params", params, "--image-px", 64, "--rounds", 2, "--step-s", 0)
    content = run("loader", "--shards", shards, *options, "--json", out)
    assert [row["name"] for row in content["rows"]] == [
        "Wav2Lip's way",
        "talkedit, first pass",
        "talkedit, second pass",
        "talkedit, nothing kept",
        "the same, to floats",
    ]
    assert all(row["frames_per_s_per_core"] > 0 for row in content["rows"])
    assert 0 <= content["waited_share"] <= 1


def test_sizes_that_cannot_be_are_refused(params: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="multiple of 64"):
        run("infer", "--params", params, "--image-px", 100, "--json", tmp_path / "none.json")
    with pytest.raises(ParamsError, match=r"model\.patch_px"):
        run("infer", "--params", params, "--patch-px", 3, "--json", tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()

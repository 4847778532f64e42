"""A stage script whose params or input cannot be used says so in one line, and leaves nothing behind."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from talkedit.closure import PROJECT_ROOT

PARAMS: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "params.yaml").read_text(encoding="utf-8"))
SCRIPTS = sorted((PROJECT_ROOT / "stages").glob("*.py"))


def segment(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the segment stage, as DVC does, in a folder that holds what it finds there."""
    script = str(PROJECT_ROOT / "stages" / "segment.py")
    command = [sys.executable, script, "--raw", "raw", "--out", "out", "--metrics", "metrics.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (PARAMS | {"segment": PARAMS["segment"] | {"clip_ms": 4000}}, "segment.clip_ms is not a parameter"),
        (PARAMS | {"segment": PARAMS["segment"] | {"clip_s": "long"}}, "segment.clip_s is 'long'"),
        (PARAMS | {"segment": PARAMS["segment"] | {"clip_s": -1.0}}, "segment.clip_s is -1.0"),
        (PARAMS | {"segment": {}}, "segment.clip_s is missing"),
        (PARAMS | {"segmnt": {}}, "unknown section segmnt"),
        ({key: value for key, value in PARAMS.items() if key != "segment"}, "the section 'segment' is missing"),
        ([1, 2], "should hold sections"),
    ],
)
def test_params_that_cannot_be_used_are_named(tmp_path: Path, values: Any, sentence: str) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    done = segment(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: ")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_no_params_and_no_input_are_said(tmp_path: Path) -> None:
    done = segment(tmp_path)
    assert (done.returncode, done.stderr[:35]) == (1, "error: params.yaml: cannot be read ")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    done = segment(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: raw/sources.parquet: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_help_says_what_the_stage_does(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script.name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert "--metrics" in usage
    assert description.split()[0].endswith("s")  # Cuts, trains, measures
    assert description.strip().endswith(".")

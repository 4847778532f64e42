"""dvc.yaml against the code: a stage is rerun for exactly what it depends on."""

import ast
import importlib
import shlex
from typing import Any

import pytest
import yaml

from talkedit.closure import PROJECT_ROOT, import_closure

from . import dvc_deps, source

STAGES: dict[str, dict[str, Any]] = yaml.safe_load(dvc_deps.DVC_FILE.read_text(encoding="utf-8"))["stages"]
SCRIPTS = {file.stem: file for file in source.stage_scripts()}
each_stage = pytest.mark.parametrize("name", STAGES)


def paths(name: str, *keys: str) -> set[str]:
    """The paths under some keys of a stage, such as ``outs``, whether they have options or not."""
    entries = [entry for key in keys for entry in STAGES[name].get(key, [])]
    return {path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)}


def named_in_cmd(name: str) -> set[str]:
    """The paths on the command line of a stage: its arguments with a slash, but for the script."""
    words = [word.rpartition("=")[2] for word in shlex.split(STAGES[name]["cmd"])]
    return {word for word in words if "/" in word} - {f"stages/{name}.py"}


def is_in(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return f"{path}/".startswith(f"{folder}/")


def _covers(path: str, word: str) -> bool:
    """Whether a declared path says what becomes of a word: it is in it, or is the part of it that DVC keeps."""
    return is_in(word, path) or is_in(path, word)


def loaded_sections(name: str) -> set[str]:
    """The sections of params.yaml that the script of a stage, or anything it imports, loads."""
    return {section for file in import_closure(SCRIPTS[name]) for section in _sections_loaded_in(file)}


def _sections_loaded_in(file) -> set[str]:
    tree = source.tree(file)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    schemas = {ast.unparse(call.args[1]) for call in calls if call.func.id == "load_section"}
    homes = {alias.name: node.module for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    here = ".".join(file.relative_to(PROJECT_ROOT).with_suffix("").parts)
    return {getattr(importlib.import_module(homes.get(schema, here)), schema).section for schema in schemas}


def test_every_script_is_a_stage_and_every_stage_has_a_script():
    assert set(STAGES) == set(SCRIPTS)


@each_stage
def test_deps_are_the_import_closure(name):
    wrong = dvc_deps.problems(name, STAGES[name]["deps"])
    assert wrong == [], "run: python tests/contract/dvc_deps.py --write"


@each_stage
def test_params_are_the_sections_that_are_loaded(name):
    declared = {str(entry).partition(".")[0] for entry in STAGES[name].get("params", [])}
    assert declared == loaded_sections(name)


@each_stage
def test_the_command_runs_the_stage(name):
    assert shlex.split(STAGES[name]["cmd"])[:2] == ["python", f"stages/{name}.py"]
    assert STAGES[name].get("desc"), f"{name} has no desc"


@each_stage
def test_every_path_of_the_command_is_declared(name):
    declared = paths(name, "deps", "outs", "metrics", "plots")
    assert [word for word in named_in_cmd(name) if not any(_covers(path, word) for path in declared)] == []


@each_stage
def test_every_data_dep_is_on_the_command_line(name):
    """One that is not cannot be read, as scripts know no paths of their own."""
    data, words = {dep for dep in paths(name, "deps") if not dvc_deps.is_code(dep)}, named_in_cmd(name)
    assert [dep for dep in data if not any(is_in(word, dep) or is_in(dep, word) for word in words)] == []


@each_stage
def test_metrics_are_kept_in_git(name):
    """So that `dvc metrics diff` shows a change without a cache."""
    for entry in STAGES[name].get("metrics", []):
        assert isinstance(entry, dict), f"{name}: {entry} needs cache: false"
        assert all(options.get("cache") is False for options in entry.values())


class TestDvcDeps:
    """The tool that keeps the lists, on a small dvc.yaml of its own."""

    def pipeline(self, deps: list[str]) -> str:
        lines = ["# the pipeline", "stages:", "  crop:", "    cmd: python stages/crop.py  # one face", "    deps:"]
        return "\n".join([*lines, *(f"      - {dep}" for dep in deps), "    outs:", "      - a: {persist: true}", ""])

    def test_it_names_what_is_missing_and_what_is_superfluous(self):
        deps = [*dvc_deps.imported("crop"), "talkedit/cli.py"]
        deps.remove("talkedit/params.py")
        assert dvc_deps.problems("crop", deps) == [
            "crop: talkedit/params.py is imported, but missing in its deps",
            "crop: talkedit/cli.py is in its deps, but not imported",
        ]

    def test_it_rewrites_the_code_and_nothing_else(self):
        right = self.pipeline(["data/${person}/raw", *dvc_deps.imported("crop")])
        assert dvc_deps.rewritten(self.pipeline(["talkedit/cli.py", "data/${person}/raw"])) == right
        assert dvc_deps.rewritten(right) == right

    def test_it_fails_until_it_has_written(self, tmp_path):
        file = tmp_path / "dvc.yaml"
        file.write_text(self.pipeline(["stages/crop.py"]))
        assert [dvc_deps.main(arguments, file) for arguments in ([], ["--write"], [])] == [1, 0, 0]

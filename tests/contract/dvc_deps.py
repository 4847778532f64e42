"""Keeps the code files in dvc.yaml's deps equal to what the stage scripts import.

    python tests/contract/dvc_deps.py            says what is missing and what is superfluous; exits 1 if anything is
    python tests/contract/dvc_deps.py --write    rewrites those entries; data paths and the rest of the file stay

DVC reruns a stage only for the files that its deps name, and does not follow imports.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from talkedit.closure import PROJECT_ROOT, import_closure

DVC_FILE = PROJECT_ROOT / "dvc.yaml"


def imported(stage: str) -> list[str]:
    """The files that the script of a stage needs, itself included, as dvc.yaml names them, sorted."""
    script = PROJECT_ROOT / "stages" / f"{stage}.py"
    return sorted(file.relative_to(PROJECT_ROOT).as_posix() for file in import_closure(script))


def is_code(dep: Any) -> bool:
    """Whether an entry of a deps list is a Python file of the project."""
    return isinstance(dep, str) and dep.endswith(".py") and dep.startswith(("stages/", "talkedit/"))


def problems(stage: str, deps: list[Any]) -> list[str]:
    """What is wrong with the code files in the deps of a stage, a sentence each."""
    declared, needed = {dep for dep in deps if is_code(dep)}, set(imported(stage))
    wrong = [f"{stage}: {dep} is imported, but missing in its deps" for dep in sorted(needed - declared)]
    return wrong + [f"{stage}: {dep} is in its deps, but not imported" for dep in sorted(declared - needed)]


def rewritten(text: str) -> str:
    """The text of dvc.yaml with the code files of every stage's deps as they should be, after its data paths."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    pipeline = yaml.load(text)
    for name, stage in pipeline["stages"].items():
        deps = stage.setdefault("deps", [])
        if problems(name, deps):
            deps[:] = [dep for dep in deps if not is_code(dep)] + imported(name)
    out = io.StringIO()
    yaml.dump(pipeline, out)
    return out.getvalue()


def main(arguments: list[str], file: Path = DVC_FILE) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="rewrite dvc.yaml instead of only looking at it")
    write = parser.parse_args(arguments).write
    text = file.read_text(encoding="utf-8")
    stages = YAML(typ="safe").load(text)["stages"]
    wrong = [line for name, stage in stages.items() for line in problems(name, stage.get("deps", []))]
    print("\n".join(wrong) or "dvc.yaml names exactly what the stages import")
    if wrong and write:
        file.write_text(rewritten(text), encoding="utf-8")
        print(f"rewrote {file.name}")
    return 1 if wrong and not write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

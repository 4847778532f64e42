"""The project's own source, read as text: which modules there are, and what each imports."""

import ast
from pathlib import Path

from talkedit.closure import PACKAGE_ROOT, PROJECT_ROOT

STAGES = PROJECT_ROOT / "stages"


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; packages themselves are left out but for the top one."""
    found = {PACKAGE_ROOT.name: PACKAGE_ROOT / "__init__.py"}
    for file in sorted(PACKAGE_ROOT.rglob("*.py")):
        if file.name != "__init__.py":
            found[".".join(file.relative_to(PROJECT_ROOT).with_suffix("").parts)] = file
    return found


def stage_scripts() -> list[Path]:
    """Every script in the stages folder."""
    return sorted(STAGES.glob("*.py"))


def all_files() -> list[Path]:
    """Every Python file that is not a test."""
    return [*sorted(PACKAGE_ROOT.rglob("*.py")), *stage_scripts()]


def tree(file: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(file.read_bytes(), filename=str(file))


def imports(file: Path, at_top_only: bool = False) -> set[str]:
    """Dotted names that a file imports; ``from a import b`` counts as both ``a`` and ``a.b``.

    Args:
        file: A Python file.
        at_top_only: Leave out what is imported inside functions, when they are called.
    """
    found: set[str] = set()
    for node in tree(file).body if at_top_only else ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def shown(file: Path) -> str:
    """The file's path from the top of the project."""
    return file.relative_to(PROJECT_ROOT).as_posix()

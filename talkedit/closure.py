"""Which of talkedit's own files a module needs: its import closure, read from the source as text.

DVC reruns a stage only for the files that dvc.yaml names, and kept results are good only for the code that
made them. Both questions have this one answer.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parent
PROJECT_ROOT = PACKAGE_ROOT.parent


def import_closure(file: Path) -> frozenset[Path]:
    """All files of the package that `file` imports, directly or through others, itself included.

    Package `__init__.py` files count, because importing a module runs them. Imports inside functions count too.

    Args:
        file: A Python file, inside the package or beside it (a stage script).

    Returns:
        Absolute paths.
    """
    seen: set[Path] = set()
    todo = [file.resolve()]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(_direct_imports(current))
    return frozenset(seen)


def code_hash(file: str | Path) -> str:
    """SHA-256 over the contents of the import closure of `file`, independent of where the project lies."""
    digest = hashlib.sha256()
    for path in sorted(import_closure(Path(file))):
        digest.update(path.relative_to(PROJECT_ROOT).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _direct_imports(file: Path) -> frozenset[Path]:
    found: set[Path] = set()
    for node in _running(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _files_of(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= _files_of(node.module)
            for alias in node.names:
                found |= _files_of(f"{node.module}.{alias.name}")
    return frozenset(found)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node`, without what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from _running(child)


def _files_of(module: str) -> set[Path]:
    """The file of a module of this package and the `__init__.py` files above it that are not empty.

    Nothing for other packages.
    """
    parts = module.split(".")
    if parts[0] != PACKAGE_ROOT.name:
        return set()
    path = PACKAGE_ROOT.parent.joinpath(*parts)
    if not (path.is_dir() or path.with_suffix(".py").is_file()):
        return set()  # a name inside a module, not a module
    files = {path.with_suffix(".py")} if path.with_suffix(".py").is_file() else {path / "__init__.py"}
    for n in range(1, len(parts)):
        files.add(PACKAGE_ROOT.parent.joinpath(*parts[:n]) / "__init__.py")
    return {file for file in files if file.is_file() and file.stat().st_size}

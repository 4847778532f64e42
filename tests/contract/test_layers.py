"""Who may import whom. CONTRIBUTING.md has the same table for people."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from talkedit.closure import PACKAGE_ROOT, import_closure

from . import source

LEVELS = {
    "talkedit": 4,  # the package root: names for users, imported only when asked for
    **dict.fromkeys(("errors", "params", "records", "closure", "manifest", "asset_list"), 0),
    **dict.fromkeys(("models", "face.geometry", "face.paste", "media.segment", "edit.timeline"), 1),
    **dict.fromkeys(("edit.moments", "edit.wishes", "edit.gestures", "edit.curves", "edit.fades", "edit.limits"), 1),
    **dict.fromkeys(("evaluate.mesh", "evaluate.metrics", "evaluate.mfcc", "evaluate.signals"), 1),
    **dict.fromkeys(("report.tables", "report.paper"), 1),
    **dict.fromkeys(("evaluate.sync", "evaluate.frechet", "evaluate.protocol", "evaluate.headline"), 1),
    **dict.fromkeys(("assets", "transfer", "partial", "tables", "folders", "progress", "stage"), 2),
    **dict.fromkeys(("workers", "cores", "cluster", "media", "face", "shards"), 2),
    **dict.fromkeys(("train", "live", "evaluate", "edit", "bench", "curate", "asset_commands", "report"), 3),
    **dict.fromkeys(("doctor", "profile", "cli", "__main__"), 4),
}
PURE = 1
MAY_IMPORT_EACH_OTHER = {("cli", "doctor"), ("cli", "profile"), ("__main__", "cli")}
LIBRARIES = {0: {"numpy", "yaml", "pydantic"}, 1: {"numpy", "pydantic", "torch", "cv2"}}
NOT_FOR_PURE_ROOMS = {"io", "logging", "os", "pathlib", "shutil", "socket", "subprocess", "sys", "tempfile", "urllib"}
CALLS_THAT_TOUCH_FILES = {"open", "print", "load", "save", "read_text", "read_bytes", "write_text", "write_bytes"}
CALLS_THAT_TOUCH_FILES |= {"imread", "imwrite", "fromfile", "tofile", "loadtxt", "savez"}
EXTRACTORS_ON_TORCH = {"talkedit.face.hopenet", "talkedit.face.rmn"}  # imported only when params choose them
CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 80


def room(module: str) -> str:
    """The longest entry of `LEVELS` that `module` lies in, or an empty string."""
    inner = module.removeprefix("talkedit.")
    fits = [name for name in LEVELS if inner == name or inner.startswith(f"{name}.")]
    return max(fits, key=len, default="")


def own_imports(module: str) -> Iterator[str]:
    """The modules of the package that `module` imports itself."""
    known = source.modules()
    yield from sorted(source.imports(known[module]) & known.keys() - {"talkedit"})


def libraries(names: set[str]) -> set[str]:
    """Top-level names of the imported packages that are neither Python's nor ours."""
    tops = {name.partition(".")[0] for name in names}
    return {top for top in tops if top not in sys.stdlib_module_names and top not in ("", "talkedit")}


@pytest.mark.parametrize(
    ("module", "expected"),
    [("talkedit.face.paste", "face.paste"), ("talkedit.face.pose", "face"), ("talkedit.models.x", "models")],
)
def test_the_narrowest_room_decides(module, expected):
    assert room(module) == expected


def test_every_module_has_a_room():
    assert [module for module in source.modules() if not room(module)] == [], "add its room to LEVELS"


def test_nobody_imports_from_a_higher_level():
    wrong = [
        f"{module} (level {LEVELS[room(module)]}) imports {other} (level {LEVELS[room(other)]})"
        for module in source.modules()
        for other in own_imports(module)
        if LEVELS[room(other)] > LEVELS[room(module)]
    ]
    assert wrong == []


def test_nothing_imports_the_top():
    wrong = [
        f"{module} imports {other}"
        for module in source.modules()
        for other in own_imports(module)
        if LEVELS[room(other)] == 4 and (room(module), room(other)) not in MAY_IMPORT_EACH_OTHER
    ]
    wrong += [
        f"{source.shown(file)} imports {name}"
        for file in source.all_files()
        for name in source.imports(file)
        if name.partition(".")[0] == "stages" or (file.parent == source.STAGES and name == "talkedit.cli")
    ]
    assert wrong == []


def test_no_two_modules_import_each_other():
    files = source.modules()
    closures = {module: import_closure(file) for module, file in files.items() if module != "talkedit"}
    wrong = [
        f"{one} and {two}"
        for one in closures
        for two in closures
        if one < two and files[two] in closures[one] and files[one] in closures[two]
    ]
    assert wrong == []


def test_low_levels_use_few_libraries():
    wrong = [
        f"{module} imports {', '.join(sorted(extra))}"
        for module, file in source.modules().items()
        if (allowed := LIBRARIES.get(LEVELS[room(module)])) is not None
        and (extra := libraries(source.imports(file)) - allowed)
    ]
    assert wrong == []


def test_pure_rooms_touch_no_files():
    wrong = []
    for module, file in source.modules().items():
        if LEVELS[room(module)] == PURE:
            tops = {name.partition(".")[0] for name in source.imports(file)}
            wrong += [f"{module} imports {name}" for name in sorted(tops & NOT_FOR_PURE_ROOMS)]
            wrong += [f"{module} calls {name}()" for name in sorted(_called(file) & CALLS_THAT_TOUCH_FILES)]
    assert wrong == []


def _called(file) -> set[str]:
    calls = [node.func for node in ast.walk(source.tree(file)) if isinstance(node, ast.Call)]
    names = {func.id for func in calls if isinstance(func, ast.Name)}
    return names | {func.attr for func in calls if isinstance(func, ast.Attribute)}


@pytest.mark.parametrize("folder", ["media", "face"])
def test_numpy_on_the_disk_side(folder):
    """Importing them, with all that they import, loads no torch, so reading a video does not take seconds to start."""
    names = [module for module in source.modules() if module.startswith(f"talkedit.{folder}.")]
    disk_side = sorted(set(names) - EXTRACTORS_ON_TORCH)
    script = f"import sys, {', '.join(disk_side)}; sys.exit('torch' in sys.modules and 'torch was loaded')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_imports_are_absolute():
    """The import closure, which DVC's deps come from, does not follow relative ones."""
    wrong = [source.shown(file) for file in source.all_files() if any(n[0] == "." for n in source.imports(file))]
    assert wrong == []


def test_packages_hold_no_code():
    """Whatever stands in an `__init__.py` runs for every module below it."""
    inner = [file for file in PACKAGE_ROOT.rglob("__init__.py") if file.parent != PACKAGE_ROOT]
    assert [source.shown(file) for file in inner if file.stat().st_size] == []


def test_the_package_itself_imports_nothing_of_its_own():
    """It is part of every import closure: what it imports, every stage would be rerun for."""
    assert import_closure(PACKAGE_ROOT / "__init__.py") == {PACKAGE_ROOT / "__init__.py"}


def test_no_drawer_for_everything():
    names = {part for module in source.modules() for part in module.split(".")}
    assert names & CATCH_ALL_NAMES == set()


def test_files_and_functions_fit_on_a_few_screens():
    wrong = []
    for file in source.all_files():
        if (n_lines := len(file.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES:
            wrong.append(f"{source.shown(file)} has {n_lines} lines")
        for node in ast.walk(source.tree(file)):
            if isinstance(node, ast.FunctionDef) and (long := node.end_lineno - node.lineno + 1) > MAX_FUNCTION_LINES:
                wrong.append(f"{source.shown(file)}: {node.name}() has {long} lines")
    assert wrong == []

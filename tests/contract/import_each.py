"""Imports each Python file given on the command line in a process of its own; prints what fails, exits 1 if any does.

The libraries are loaded once, before the processes fork, so that a hundred modules take seconds and not minutes.
Nothing of talkedit is loaded before the fork: each module stands alone.
"""

import importlib
import os
import runpy
import sys
import traceback
from pathlib import Path

from source import imports  # run as a script, beside this file

os.environ.setdefault("MPLBACKEND", "agg")


def main(files: list[Path]) -> int:
    names = {name for file in files for name in imports(file, at_top_only=True)}
    _load({name for name in names if name.partition(".")[0] not in ("talkedit", "__future__")})
    for name in [name for name in sys.modules if name.partition(".")[0] == "talkedit"]:
        del sys.modules[name]
    return 1 if sum(_fails_alone(file) for file in files) else 0


def _load(libraries: set[str]) -> None:
    for name in sorted(libraries):
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # a name inside a module; or one that is missing, which its importer will tell


def _fails_alone(file: Path) -> bool:
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    try:
        runpy.run_path(str(file), run_name="imported")
    except BaseException:  # noqa: BLE001 (a child must never return into the parent's loop)
        print(f"--- {file}\n{traceback.format_exc()}", flush=True)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))

"""`talkedit tables`, `talkedit ablations` and `talkedit report`."""

from pathlib import Path
from typing import Annotated

import typer

from talkedit.errors import ParamsError

Person = Annotated[str | None, typer.Option(help="Whose results; by default of the person that params.yaml names.")]
PROJECT = Path()
N_SEEDS = 2**32  # as many as train.seed may be


def tables(
    person: Person = None,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX instead of Markdown.")] = False,
) -> None:
    """Print the paper's two tables, with this project's numbers beside its own.

    The first table has the systems of the last evaluation. The ablations are those that `talkedit ablations`
    ran for this person with the numbers that params.yaml has now.
    """
    from talkedit.report.gather import both_tables  # noqa: PLC0415 (torch: seconds)
    from talkedit.report.tables import latex, markdown  # noqa: PLC0415

    write = latex if as_latex else markdown
    print("\n".join(write(table) for table in both_tables(PROJECT, person or _person())), end="")


def ablations(
    seeds: Annotated[str, typer.Option(help="Seeds of both trainings, with commas between: 0,1,2.")] = "0",
    only: Annotated[
        str | None,
        typer.Option(help="Only these, with commas between: talkedit, A, A+P, A+P+E, A+P+E+B, wav2lip, reference."),
    ] = None,
) -> None:
    """Train and evaluate the paper's ablations and its baseline, as DVC experiments beside the workspace.

    talkedit is this project's network as params.yaml has it, reference the paper's layout with its channels.
    Each sees as many images as params.yaml says. What was run before, for this person and with these numbers,
    is not run again; stopped, it goes on with the run that it was at.
    """
    from talkedit.report.ablations import RUNS, run_ablations  # noqa: PLC0415

    which = only.split(",") if only else list(RUNS)
    if unknown := [one for one in which if one not in RUNS]:
        raise ParamsError(f"--only {unknown[0]}: is none of {', '.join(RUNS)}")
    if not all(seed.isdecimal() and int(seed) < N_SEEDS for seed in seeds.split(",")):
        raise ParamsError(f"--seeds {seeds}: should be numbers below {N_SEEDS} with commas between, such as 0,1,2")
    for line in run_ablations(PROJECT, which, [int(seed) for seed in seeds.split(",")]):
        print(line, flush=True)


def report(person: Person = None) -> None:
    """Write reports/PERSON/index.html: numbers and their change, curves, pictures and videos in one file."""
    from talkedit.manifest import write_atomically  # noqa: PLC0415
    from talkedit.report.gather import both_tables  # noqa: PLC0415
    from talkedit.report.page import PAGE_FILE, build_page  # noqa: PLC0415 (torch: seconds)

    whose = person or _person()
    path = PROJECT / "reports" / whose / PAGE_FILE
    page = build_page(PROJECT, whose, both_tables(PROJECT, whose))
    write_atomically(path, page.encode())
    print(path)


def _person() -> str:
    from talkedit.report.ablations import read_params  # noqa: PLC0415

    return str(read_params(PROJECT)["person"])

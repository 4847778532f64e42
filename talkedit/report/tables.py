"""The paper's two tables with this project's numbers in them, as Markdown and as LaTeX. Pure."""

from dataclasses import dataclass

import numpy as np

from talkedit.report.paper import COLUMNS, FID, FID_COLUMN, KEYS, OWN, SYNC_COLUMNS, Row

DASH = "–"
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%#_{}$"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", DASH: "--"}
)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        name: The method or ablation.
        seeds: Its numbers by their names, for each seed; empty where there is no result.
        paper: The paper's own numbers; None where it has none.
        reason: Why there is no result.
    """

    name: str
    seeds: list[dict[str, float | None]]
    paper: Row | None
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: What it compares.
        lines: Its lines.
        notes: What must be known to read it.
        sync: Which number is its sync; a line that has another one has a dash.
    """

    title: str
    lines: list[Line]
    notes: list[str]
    sync: str = OWN

    @property
    def columns(self) -> list[str]:
        """What its own numbers are called."""
        return [*COLUMNS[:-1], SYNC_COLUMNS[self.sync], FID_COLUMN]

    @property
    def rows(self) -> list[list[str]]:
        """The header and a row a line, as text."""
        header = ["method", *self.columns, *(f"{name} (paper)" for name in COLUMNS), "no result because"]
        return [header, *([line.name, *cells(line, self.sync), line.reason] for line in self.lines)]


def cells(line: Line, sync: str = OWN) -> list[str]:
    """The numbers of a line: mean, and the spread where there are several seeds; then the paper's."""
    ours = [spread([scores.get(key) for scores in line.seeds]) for key in (*KEYS, sync, FID)]
    paper = [f"{value:.2f}" for value in line.paper] if line.paper else [DASH] * len(COLUMNS)
    return [*ours, *paper]


def spread(values: list[float | None]) -> str:
    """Mean, standard deviation of the sample and number, to three decimals; a dash where nothing was measured."""
    there = [value for value in values if value is not None]
    if not there:
        return DASH
    if len(there) == 1:
        return f"{there[0]:.3f}"
    return f"{np.mean(there):.3f} ± {np.std(there, ddof=1):.3f} (n={len(there)})"


def markdown(table: Table) -> str:
    """The table, its notes below it."""
    header, *rows = ([_one_line(cell).replace("|", r"\|") for cell in row] for row in table.rows)
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n\n".join([f"## {table.title}", "\n".join(lines), *table.notes]) + "\n"


def latex(table: Table) -> str:
    """The table as a LaTeX table; it needs no package."""
    header = ["method", *table.columns, *COLUMNS]
    rows = [header, *([line.name, *cells(line, table.sync)] for line in table.lines)]
    body = [" & ".join(map(escaped, row)) + r" \\" for row in rows]
    missing = [f"{line.name}: {line.reason}." for line in table.lines if line.reason]
    n_here, n_paper = len(table.columns), len(COLUMNS)
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escaped(' '.join([table.title + '.', *table.notes, *missing]))}}}",
            rf"\begin{{tabular}}{{l{'r' * (n_here + n_paper)}}}",
            rf"& \multicolumn{{{n_here}}}{{c}}{{here}} & \multicolumn{{{n_paper}}}{{c}}{{paper}} \\",
            body[0] + r" \hline",
            *body[1:],
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text as LaTeX takes it, in one line."""
    return _one_line(text).translate(_LATEX)


def _one_line(text: str) -> str:
    """What people write in params.yaml may go over several, and would end a row or a caption."""
    return " ".join(text.split())

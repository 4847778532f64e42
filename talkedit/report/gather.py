"""The lines of the paper's two tables, from the last evaluation and from the experiments."""

from pathlib import Path
from typing import Any

from talkedit.evaluate.outputs import SYSTEMS_FILE
from talkedit.evaluate.reconstruct import OURS
from talkedit.report import paper
from talkedit.report.ablations import (
    ABLATIONS,
    BASELINE,
    OWN,
    REFERENCE,
    experiment_name,
    holds_baseline,
    read_params,
)
from talkedit.report.runs import Scores, read_json, seeds_of, self_scores
from talkedit.report.tables import Line, Table

NOT_RUN = "not run with the numbers of params.yaml: talkedit ablations"
OTHER_NETWORK = "params.yaml holds the baseline: git checkout params.yaml"


def both_tables(project: Path, person: str) -> list[Table]:
    """Both tables, with the warning that the data differ.

    Raises:
        TalkeditError: There is no evaluation of this person yet.
    """
    sync = sync_key(read_json(_systems(project, person)))
    notes = [paper.WARNING, paper.SYNC_WARNINGS[sync]]
    of_experts = [paper.EXPERT_WARNING] if sync == paper.OWN else []
    alike = alike_lines(project, person)
    of_alike = [paper.ALIKE_WARNING] if sync == paper.OWN and any(line.seeds for line in alike) else []
    return [
        Table("Methods", method_lines(project, person, alike), [*notes, *of_alike, paper.SEEDS_NOTE], sync),
        Table("Ablations", ablation_lines(project, person), [*notes, *of_experts, paper.SEEDS_NOTE], sync),
    ]


def sync_key(systems: dict[str, Any]) -> str:
    """Who judged lips against speech in an evaluation: what its own system was scored by."""
    return paper.SYNCNET if paper.SYNCNET in systems.get(OURS, {}).get("scores", {}) else paper.OWN


def alike_lines(project: Path, person: str) -> list[Line]:
    """The baseline, the reference and this system, trained alike, each an experiment."""
    baseline = _experiment(project, person, BASELINE, "Wav2Lip", paper.METHODS["Wav2Lip"])
    others = {REFERENCE: paper.REFERENCE, OWN: paper.ALIKE}
    return [baseline, *(_experiment(project, person, which, name, None) for which, name in others.items())]


def method_lines(project: Path, person: str, alike: list[Line]) -> list[Line]:
    """What was trained alike, and every system of the last evaluation, in the paper's order."""
    systems = read_json(_systems(project, person))
    lines = [*alike]
    own = "Wav2Lip, evaluated last" if _is_baseline(project, person) else OURS
    for name, system in systems.items():
        more = _details(project, person) if name == OURS else {}
        seeds = [system["scores"] | more] if system["scores"] else []
        shown = own if name == OURS else name
        lines.append(Line(shown, seeds, paper.METHODS.get(shown), system["reason"] or ""))
    order = {name: at for at, name in enumerate(paper.METHODS)}
    return sorted(lines, key=lambda line: order.get(line.name, -0.5 if not line.seeds else len(order)))


def ablation_lines(project: Path, person: str) -> list[Line]:
    """The ablations over their seeds."""
    return [_experiment(project, person, which, which, paper.ABLATIONS[which]) for which in ABLATIONS]


def _experiment(project: Path, person: str, which: str, name: str, row: paper.Row | None) -> Line:
    if which != BASELINE and holds_baseline(project):
        return Line(name, [], row, OTHER_NETWORK)
    seeds = seeds_of(project, person, experiment_name(project, person, which))
    return Line(name, seeds, row, "" if seeds else _not_run(project, person))


def _not_run(project: Path, person: str) -> str:
    return NOT_RUN if read_params(project)["person"] == person else f"{NOT_RUN}, once it names {person}"


def _is_baseline(project: Path, person: str) -> bool:
    """Whether the model that was evaluated last is the baseline's."""
    card = project / "models" / person / "generator" / "model.json"
    return card.is_file() and read_json(card)["params"]["model"]["kind"] == BASELINE


def _details(project: Path, person: str) -> Scores:
    """What is known of this project's own system beyond what all systems are scored by."""
    path = project / "reports" / person / "evaluate_details.json"
    return self_scores(read_json(path)) if path.is_file() else {}


def _systems(project: Path, person: str) -> Path:
    return project / "reports" / person / "evaluate" / SYSTEMS_FILE

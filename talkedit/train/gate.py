"""Two checks that keep a training from running for days for nothing: before it, and on its way."""

from collections import deque
from copy import deepcopy

import torch
from lightning_fabric import Fabric
from torch import Tensor

from talkedit.errors import TalkeditError
from talkedit.models.discriminator import Discriminator
from talkedit.shards.windows import Batch, Window, to_batch
from talkedit.train.inputs import to_device
from talkedit.train.negatives import Negatives, roll_negatives
from talkedit.train.processes import ALONE, Processes
from talkedit.train.verdict import CHANCE, Pairs, judge

N_GATE_WINDOWS = 8
GATE_LEARNING_RATE = 1e-3  # whatever the run's: it is the footage that is tested
GATE_ACCURACY = 0.8
LOOK_EVERY_N_STEPS = 20
STANDARD_ERRORS = 3.0  # above chance; chance passes once in 700 runs
MIN_PAIRS = 400  # with fewer nothing is said: it has hardly begun to learn

CAUSES = {
    "audio": "the pictures do not move, or are all of one moment: play the sources",
    "pose": "the pose extractor's angles have nothing to do with the pictures: look at the attributes' table",
    "emotion": "the emotion extractor's answers have nothing to do with the pictures: look at the attributes' table",
}


def check_it_can_learn(
    discriminator: Discriminator,
    windows: list[Window],
    min_gaps: dict[str, float],
    n_steps: int,
    device: torch.device,
    processes: Processes = ALONE,
) -> None:
    """Overfits a copy of a fresh network to one batch: what cannot even learn that by heart will not learn.

    The negatives of a window are the batch's other windows, all of them in turn, so that nothing but the pictures
    says what belongs.

    Args:
        discriminator: The network, which stays as it is.
        windows: The batch, two or more.
        min_gaps: The terms, and how far negatives must be.
        n_steps: How long the copy is trained at most; it ends as soon as it can.
        device: Where the network is.
        processes: All that try it, each with a copy and the same windows; all end at the same step, or none does.

    Raises:
        TalkeditError: A term does not tell the batch's pairs from its non-pairs afterwards.
    """
    copy, batch = deepcopy(discriminator), to_device(to_batch(windows), device)
    rolls = [roll_negatives(windows, min_gaps, shift).to(device) for shift in range(1, len(windows))]
    optimizer = torch.optim.Adam(copy.parameters(), GATE_LEARNING_RATE, betas=(0.5, 0.999))
    accuracies: dict[str, float] = {}
    for step in range(n_steps):
        optimizer.zero_grad()
        torch.stack(list(judge(copy, batch, rolls[step % len(rolls)]).losses.values())).sum().backward()
        optimizer.step()
        if (step + 1) % LOOK_EVERY_N_STEPS == 0 or step + 1 == n_steps:
            accuracies = _accuracies(copy, batch, rolls, processes)
            if all(accuracy >= GATE_ACCURACY for accuracy in accuracies.values()):
                return
    for term, accuracy in accuracies.items():
        if accuracy < GATE_ACCURACY:
            raise TalkeditError(
                f"the discriminator's {term} term told only {accuracy:.0%} of one batch's pairs from its non-pairs "
                f"after {n_steps} steps on that batch alone; most likely {CAUSES[term]}; else "
                "discriminator.gate_steps is too low"
            )


@torch.no_grad()
def _accuracies(network: Discriminator, batch: Batch, rolls: list[Negatives], processes: Processes) -> dict[str, float]:
    """Of each term that has a negative in the batch, over all of them: the least of any process.

    The copies drift apart, and a process that went on alone would wait for the others in the next norm over all GPUs.
    """
    verdicts = [judge(network, batch, negatives) for negatives in rolls]
    joined = {term: Pairs.joined([verdict.pairs[term] for verdict in verdicts]) for term in network.terms}
    there = {term: pairs.accuracy() for term, pairs in joined.items() if pairs.weights.any()}
    return {term: float(processes.all_rows(accuracy[None]).min()) for term, accuracy in there.items()}


class ChanceStop:
    """Ends a run whose audio term has learnt nothing, not even of the footage that it is trained on.

    It looks once, at `check_step`, at the pairs of the second half of the steps before it; a run that was resumed
    meanwhile, as soon as it has seen as many steps, or at its end. Of very short runs it says nothing.

    Args:
        check_step: The step at which it looks.
        n_steps: Of the whole run.
        fabric: The processes, which all end.
    """

    def __init__(self, check_step: int, n_steps: int, fabric: Fabric) -> None:
        self._check_step, self._n_steps, self._fabric = check_step, n_steps, fabric
        self._seen: deque[Tensor] = deque(maxlen=max(check_step // 2, 1))
        self._looked = False

    def see(self, pairs: Pairs, step: int) -> None:
        """Takes the audio pairs of a training step.

        Raises:
            TalkeditError: They are told apart no better than by chance.
        """
        if self._looked:
            return
        self._seen.append(pairs.sums().detach())
        has_seen_enough = step + 1 >= self._check_step and len(self._seen) == self._seen.maxlen
        if has_seen_enough or step + 1 == self._n_steps:
            self._looked = True
            self._look(step + 1)

    def _look(self, n_steps: int) -> None:
        sums = self._fabric.all_reduce(torch.stack(list(self._seen)).sum(dim=0), reduce_op="sum")
        right, weight, squares = sums.tolist()  # type: ignore[union-attr]
        n_pairs = weight**2 / max(squares, 1e-9)  # as many equal ones would be as sure
        if n_pairs < MIN_PAIRS:
            return
        accuracy = right / weight
        if accuracy < CHANCE + STANDARD_ERRORS * CHANCE / n_pairs**0.5:
            raise TalkeditError(
                f"the discriminator's audio term tells {accuracy:.0%} of its training pairs apart after {n_steps} "
                "steps, which is chance: most likely sound and picture are out of sync, or the voice is not the "
                "person's; play a source and put its offset right. Else there is too little footage with speech, or "
                "discriminator.learning_rate is far off"
            )

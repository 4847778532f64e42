"""Contestants take turns, and their figures are the median's."""

import math

from talkedit.bench.race import Contestant, race


def test_everybody_warms_up_and_then_they_take_turns() -> None:
    order: list[str] = []
    contestants = [Contestant(name, lambda name=name: order.append(name), 1) for name in "ab"]
    turns: list[None] = []
    race(contestants, 3, lambda: turns.append(None))
    assert "".join(order) == "ab" + "ab" * 3
    assert len(turns) == 8
    assert [len(contestant.seconds) for contestant in contestants] == [3, 3]


def test_figures_by_hand() -> None:
    slow = Contestant("slow", lambda: None, n_images=4, seconds=[2.0, 4.0, 8.0])
    fast = Contestant("fast", lambda: None, n_images=8, seconds=[1.0, 4.0, 2.0], waited_s=0.7)
    assert slow.images_per_s == 1.0
    assert slow.spread == (4 / 6, 4 / 3)  # the quartiles of 2, 4, 8 are 3, 4, 6
    assert fast.waited_share == 0.7 / 7
    # Turn by turn 2, 1 and 4 times as fast a run, of twice as many images.
    assert fast.times(slow) == 4.0
    assert slow.times(slow) == 1.0


def test_waiting_to_warm_up_does_not_count() -> None:
    def run() -> None:
        contestant.waited_s += 5.0

    contestant = Contestant("waits", run, 1)
    race([contestant], 2, lambda: None)
    assert contestant.waited_s == 10.0
    assert math.isfinite(contestant.peak_mb)

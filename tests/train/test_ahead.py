"""What steps take, made while the steps before them run."""

import threading
import time

import pytest

from talkedit.train.ahead import Ahead

N_STEPS, LONG_S = 5, 10.0


def test_each_step_gets_its_own_and_none_beyond_the_last_is_made() -> None:
    made: list[int] = []

    def make(step: int) -> str:
        made.append(step)
        return f"for step {step}"

    with Ahead(make, N_STEPS) as ahead:
        assert [ahead.take(step) for step in range(2, N_STEPS)] == ["for step 2", "for step 3", "for step 4"]
    assert made == [2, 3, 4]


def test_a_step_that_comes_out_of_turn_gets_its_own_too() -> None:
    with Ahead(lambda step: step, N_STEPS) as ahead:
        assert [ahead.take(step) for step in (3, 0, 1, 4, 4)] == [3, 0, 1, 4, 4]


def test_the_next_is_made_while_a_step_runs() -> None:
    begun = {step: threading.Event() for step in range(N_STEPS)}
    with Ahead(lambda step: begun[step].set(), N_STEPS) as ahead:
        ahead.take(0)
        assert begun[1].wait(LONG_S)  # nobody has asked for it yet
        assert not begun[2].is_set()


def test_what_goes_wrong_is_said_when_the_step_asks_for_it() -> None:
    with Ahead(lambda step: 1 / (2 - step), N_STEPS) as ahead:
        assert [ahead.take(0), ahead.take(1)] == [0.5, 1.0]
        with pytest.raises(ZeroDivisionError):
            ahead.take(2)


def test_it_says_how_long_was_waited() -> None:
    """What is ready when a step asks for it costs no wait."""
    made = [threading.Event() for _ in range(N_STEPS)]

    def make(step: int) -> None:
        time.sleep(0.5)
        made[step].set()

    with Ahead(make, N_STEPS) as ahead:
        assert ahead.waited_s == 0
        ahead.take(0)
        first = ahead.waited_s
        assert first >= 0.5
        assert made[1].wait(LONG_S)
        ahead.take(1)
        assert ahead.waited_s - first < 0.4


def test_what_is_being_made_is_finished_before_it_is_closed() -> None:
    begun, done = threading.Event(), threading.Event()

    def make(step: int) -> None:
        if step == 1:
            begun.set()
            time.sleep(0.2)
            done.set()

    ahead = Ahead(make, N_STEPS)
    ahead.take(0)
    assert begun.wait(LONG_S)
    ahead.close()
    assert done.is_set()


def test_its_thread_ends_with_it() -> None:
    with Ahead(lambda step: step, N_STEPS) as ahead:
        ahead.take(0)
        assert any(thread.name.startswith("ahead") for thread in threading.enumerate())
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())

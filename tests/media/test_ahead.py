"""Items arrive in order, never more than allowed are made before they are asked for, and a stop ends all."""

import threading
import time
from collections.abc import Generator

import pytest

from talkedit.media.ahead import ahead


def counted(made: list[int], ended: list[str], fails_at: int | None = None) -> Generator[int]:
    try:
        for number in range(20):
            if number == fails_at:
                raise KeyError(number)
            made.append(number)
            yield number
    finally:
        ended.append(threading.current_thread().name)


def test_items_come_in_order_and_few_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    most = 0
    with ahead(counted(made, []), 3) as items:
        for n_taken, item in enumerate(items, 1):
            assert item == n_taken - 1
            time.sleep(0.002)
            most = max(most, len(made) - n_taken)
    assert made == list(range(20))
    assert 1 <= most <= 3


def test_an_error_arrives_in_its_place() -> None:
    taken: list[int] = []

    def take_all() -> None:
        with ahead(counted([], [], fails_at=7), 3) as items:
            for item in items:
                taken.append(item)

    with pytest.raises(KeyError, match="7"):
        take_all()
    assert taken == list(range(7))


def test_leaving_early_closes_what_makes_them_in_its_own_thread() -> None:
    made: list[int] = []
    inner: list[str] = []

    def outer() -> Generator[int]:
        with ahead(counted(made, inner), 2) as items:
            yield from items

    def interrupted() -> None:
        with ahead(outer(), 2) as items:
            next(items)
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(made) < 20
    assert len(inner) == 1
    assert inner[0] != threading.current_thread().name
    assert threading.active_count() == before

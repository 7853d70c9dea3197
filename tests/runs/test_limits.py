"""Limits queue and never reject; budgets count what is under way."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.runs.budget import Budget
from tierwise.runs.limits import MINUTE, Gate, Window


@given(limit=st.integers(1, 20), amounts=st.lists(st.integers(1, 25), min_size=1, max_size=60))
def test_no_window_of_a_minute_holds_more_than_its_limit(limit, amounts):
    window, at, taken = Window(limit), 0.0, []
    for amount in amounts:
        at += window.wait_s(amount, at)
        assert window.wait_s(amount, at) == 0
        window.take(amount, at)
        taken.append((at, min(amount, limit)))
    for start, _ in taken:
        assert sum(a for t, a in taken if start <= t < start + MINUTE - 1e-6) <= limit + 1e-6


def test_a_window_does_not_wait_longer_than_it_must():
    window = Window(2)
    window.take(1, 0.0)
    window.take(1, 10.0)
    assert window.wait_s(1, 20.0) == 40.0
    assert window.wait_s(2, 20.0) == 50.0


def test_a_gate_holds_its_number_and_grows_back():
    async def work():
        gate, inside, most = Gate(4), [0], [0]

        async def call():
            await gate.enter()
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await asyncio.sleep(0.001)
            inside[0] -= 1
            await gate.leave(True)

        await asyncio.gather(*(call() for _ in range(40)))
        assert most[0] == 4
        gate.slow_down(0.0)
        gate.slow_down(0.0)  # of the same moment
        assert gate.limit == 2
        most[0] = 0
        await asyncio.gather(*(call() for _ in range(6)))
        assert most[0] <= 3
        await asyncio.gather(*(call() for _ in range(40)))
        assert gate.limit == 4

    asyncio.run(work())


@given(cap=st.floats(0.5, 20), costs=st.lists(st.tuples(st.floats(0.01, 2), st.floats(0, 1)), max_size=30), workers=st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_a_budget_is_never_passed_and_never_hangs(cap, costs, workers):
    async def work():
        budget, spent, queue = Budget(cap), [0.0], iter(costs)

        async def worker():
            for worst, share in queue:
                if not await budget.reserve(worst):
                    return
                await asyncio.sleep(0)
                spent[0] += worst * share
                await budget.settle(worst, worst * share)

        await asyncio.wait_for(asyncio.gather(*(worker() for _ in range(workers))), 5)
        assert spent[0] <= cap + 1e-9
        assert abs(budget.spent - spent[0]) < 1e-9 and abs(budget.reserved) < 1e-9

    asyncio.run(work())

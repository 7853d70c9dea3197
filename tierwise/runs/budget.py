"""A cap on dollars that holds: the most a call can cost is set aside before it is sent."""

import asyncio
from datetime import date
from weakref import WeakValueDictionary

from tierwise import settings
from tierwise.errors import NotReady
from tierwise.store import Store, spending
from tierwise.types import now


class Budget:
    """`cap` None means no cap. `spent` starts at what was paid before, unknown costs at their worst."""

    def __init__(self, cap: float | None, spent: float = 0.0, name: str = "the budget", row: str = "") -> None:
        """`row`: where a store that several processes write keeps what is spent of it, by all of them."""
        self.cap = cap
        self.name = name
        self.row = row
        self.spent = spent
        self.reserved = 0.0
        self._changed = asyncio.Condition()

    async def reserve(self, amount: float) -> bool:
        """Set `amount` aside. Waits while calls under way may still come out cheaper; False when it can not fit any more."""
        async with self._changed:
            while self.cap is not None and self.spent + self.reserved + amount > self.cap + 1e-12:
                if self.reserved <= 1e-12:
                    return False
                await self._changed.wait()
            self.reserved += amount
            return True

    async def settle(self, reserved: float, cost: float) -> None:
        """A call that had `reserved` set aside cost `cost`."""
        async with self._changed:
            self.reserved -= reserved
            self.spent += cost
            self._changed.notify_all()


_of_runs: "WeakValueDictionary[tuple[str, str], Budget]" = WeakValueDictionary()


def of_run(store: Store, run_id: str, cap: float | None) -> Budget:
    """The budget of a run, shared by all that is under way for it: answers and their grading."""
    key = (str(store.path), run_id)
    found = _of_runs.get(key)
    if found is None:
        found = _of_runs[key] = Budget(cap, store.runs.progress(run_id).counted_usd, row=spending.of_run(run_id))
    found.cap = cap
    return found


_today: dict[tuple[str, date], Budget] = {}


def of_today(store: Store) -> Budget:
    """The day's budget, shared by every run of this workspace; made anew at midnight UTC.

    Raises:
        BadInput: the setting is no sum of money.
    """
    cap, day = settings.daily_cap_usd(), now().date()
    key = (str(store.path), day)
    found = _today.get(key)
    if found is None or found.cap != cap:
        _today.clear()
        found = _today[key] = Budget(cap, store.attempts.counted_on(day) if cap is not None else 0.0, "the day's cap", spending.of_day(day))
    return found


_of_people: dict[tuple[str, str, date], Budget] = {}


def of_person(store: Store) -> tuple[Budget, ...]:
    """The day's budget of whoever spends, where people have caps of their own; none at the machine itself."""
    cap, day = settings.person_daily_cap_usd(), now().date()
    if cap is None or not store.spender:
        return ()
    key = (str(store.path), store.spender, day)
    found = _of_people.get(key)
    if found is None or found.cap != cap:
        for old in [k for k in _of_people if k[2] != day]:
            del _of_people[old]
        found = _of_people[key] = Budget(
            cap, store.attempts.counted_on(day, store.spender), "your cap for the day", spending.of_day(day, store.spender)
        )
    return (found,)


def check_room_today(store: Store, amount: float) -> dict[str, float]:
    """The caps for the day by `spending` row, for requests outside of runs.

    Raises:
        NotReady: one more request of this much could go past one.
    """
    today = now().date()
    caps = [("the day's cap", settings.daily_cap_usd(), None)]
    caps += [("your cap for the day", settings.person_daily_cap_usd(), store.spender)] if store.spender else []
    for name, cap, whose in caps:
        if cap is not None and store.attempts.counted_on(today, whose) + amount > cap:
            raise NotReady(no_room(name, cap))
    return {spending.of_day(today, whose or ""): cap for _, cap, whose in caps if cap is not None}


def no_room(name: str, cap: float) -> str:
    return f"Nothing was sent: it could go past {name} of ${cap:g}. It begins anew at midnight UTC; an admin can raise it."

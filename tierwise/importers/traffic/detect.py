"""Which format a table is in, by its columns, and why."""

from typing import NamedTuple

from tierwise.errors import BadInput
from tierwise.evalsets.columns import listed
from tierwise.importers.traffic.form import FORMATS, Format
from tierwise.tables import Table
from tierwise.tables.table import short

FALLBACK = "plain"
"""Other formats have its columns too, so it is what is left when none fits."""


class Detected(NamedTuple):
    name: str
    form: type[Format]
    why: str


def detect(table: Table, wanted: str = "auto") -> Detected:
    """The format asked for, or the one that the columns show.

    Raises:
        NotFound: there is no format of that name.
        BadInput: the columns do not fit, or fit several formats alike.
    """
    if wanted != "auto":
        form = FORMATS[wanted]
        if lacking := form.missing(table):
            raise BadInput(f"{form.title} has {_and(lacking)}, which this file has not. Columns: {listed(table.columns)}.")
        return Detected(wanted, form, f"Read as {form.title}, as asked.")
    fitting = {name: form for name, form in FORMATS.items() if name != FALLBACK and not form.missing(table)}
    if not fitting and not FORMATS[FALLBACK].missing(table):
        fitting = {FALLBACK: FORMATS[FALLBACK]}
    if not fitting:
        raise BadInput(_none_fits(table))
    known = {name: form.known(table) for name, form in fitting.items()}
    best = max(known, key=lambda name: len(known[name]))
    rivals = [name for name in known if name != best and len(known[name]) == len(known[best])]
    if rivals:
        names = " and ".join(f"{FORMATS[n].title} ({n})" for n in (best, *rivals))
        raise BadInput(f"The columns fit {names} alike. Say which it is by its name in brackets. Columns: {listed(table.columns)}.")
    form = fitting[best]
    told = [*(c for c in known[best] if c in form.needs), *(c for c in known[best] if c not in form.needs)]
    return Detected(best, form, f"Read as {form.title}: {len(known[best])} of its columns are there, such as {_and(told[:4])}.")


def _none_fits(table: Table) -> str:
    closest = max(FORMATS, key=lambda name: (len(FORMATS[name].known(table)), name == FALLBACK))
    form = FORMATS[closest]
    near = ""
    if form.known(table):
        near = f" Closest is {form.title}, which also has {_and(form.missing(table))}."
    plain = "A plain table needs model, prompt_tokens and completion_tokens; time, request_type, prompt, cost and latency help."
    return f"The columns fit no traffic log that Tierwise knows.{near} {plain} Columns: {listed(table.columns)}."


def _and(names: list[str]) -> str:
    shown = [short(n) for n in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

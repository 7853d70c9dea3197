"""What a run needs to know before it starts: scorer, estimate, budget."""

import json

import streamlit as st

from tierwise.types import EvalSet, EvalSetInfo, Run, Tier
from tierwise.ui import figures, parts, state
from tierwise.ui.readings import evalset


def choose_scorer(prompts: EvalSet) -> tuple[str, dict]:
    """The scorer by name, with its options as far as they differ from their defaults."""
    from tierwise.scorers import SCORERS
    from tierwise.scorers import options as options_of

    names = list(SCORERS)
    scorer = st.selectbox(
        "How answers are graded",
        names,
        index=names.index("auto") if "auto" in names else 0,
        key="scorer",
        persist_state="session",
        format_func=lambda n: f"{n}: {getattr(SCORERS[n], 'summary', '')}".rstrip(": "),
    )
    _card(SCORERS[scorer])
    chosen: dict = {}
    wanted = options_of(scorer)
    if wanted:
        with st.expander("Options of this scorer", icon=":material/settings:", expanded=SCORERS[scorer].asks()):
            for option in wanted:
                value = _option(scorer, option)
                if value != option.default and value not in ("", None):
                    chosen[option.name] = value
    without = sum(s.reference is None for s in prompts.samples)
    if without:
        st.caption(
            f"{without:,} of {figures.count(len(prompts.samples), 'prompt')} have no right answer to compare with: "
            "they stay unscored, not wrong."
        )
    return scorer, chosen


def _card(scorer) -> None:
    """What it needs, what it costs, and why it is off."""
    from tierwise.scorers import custom

    st.caption(figures.md(f"Needs: {scorer.needs} Costs: {scorer.cost}"))
    if why := scorer.off(False):
        parts.notes([f"This scorer is off: {why}"], icon=":material/block:")
    if custom.problems:
        parts.notes([f"Scorers of your own that could not be loaded: {p}" for p in custom.problems], icon=":material/warning:")


def show_grading(chosen: EvalSetInfo, tiers: list[Tier], settings: dict, scorer: str, options: dict) -> None:
    """What a scorer that asks models will cost besides, and whether it grades its own family."""
    from tierwise.errors import TierwiseError
    from tierwise.judging import estimate_ahead, own_family
    from tierwise.scorers import SCORERS

    judge = SCORERS[scorer]
    try:
        parsed = judge.parse_options(options)
        if not judge.asks(parsed):
            return
        e = estimate_ahead(evalset(chosen.id), tiers, settings["repeats"], judge, parsed)
        warning = own_family(judge.asking.judges(parsed).values(), tiers)
    except TierwiseError as error:
        parts.complain(error)
        return
    spread = f"{figures.dollars(e.low_usd)} to {figures.dollars(e.high_usd)}"
    told = "without a price, so not in any sum" if e.unpriced else f"about {figures.dollars(e.usd)}, {spread}"
    st.caption(figures.md(f"Grading besides: {e.calls:,} calls to a judge, {told}. They are paid for also where the tiers are simulated."))
    if warning:
        parts.notes([warning], icon=":material/warning:")


def _option(scorer: str, option):
    from tierwise.scorers import LONG

    label, key = option.name.replace("_", " "), f"option_{scorer}_{option.name}"
    if option.choices:
        return st.selectbox(
            label,
            option.choices,
            index=option.choices.index(option.default) if option.default in option.choices else None,
            key=key,
            help=option.help,
        )
    if option.type is bool:
        return st.checkbox(label, option.default, key=key, help=option.help)
    if option.type in (int, float):
        return st.number_input(label, value=option.default, key=key, help=option.help)
    if LONG in option.marks:
        return st.text_area(label, str(option.default), key=key, help=option.help, max_chars=20_000, height=180)
    return st.text_input(label, "" if option.default is None else str(option.default), key=key, help=option.help, max_chars=2000)


@st.cache_data(max_entries=16, show_spinner=False)
def _estimate(project: str, evalset_id: str, tiers: str, repeats: int, concurrency: int, _tiers: tuple[Tier, ...]):
    from tierwise.runs.plan import estimate

    return estimate(evalset(evalset_id), _tiers, repeats, concurrency=concurrency)


def estimate(evalset_id: str, tiers: tuple[Tier, ...], params: dict):
    """Calls, dollars and minutes of this run."""
    return _estimate(state.project_id(), evalset_id, json.dumps([repr(t) for t in tiers]), params["repeats"], params["concurrency"], tiers)


def choose_settings(chosen: EvalSetInfo, tiers: list[Tier]) -> dict:
    """How the calls are made; only what differs from the usual is kept with the run, besides repeats and calls at once."""
    from tierwise.runs.plan import CONCURRENCY, TIMEOUT_S

    live = any(not t.simulated for t in tiers)
    with st.expander("More settings", icon=":material/settings:"):
        with st.grid(2, min_column_width=150, gap="small"):
            repeats = st.number_input(
                "Answers per prompt and tier",
                1,
                20,
                1,
                key="repeats",
                persist_state="session",
                help="More than one shows how much answers vary.",
            )
            together = st.number_input(
                "Calls at once", 1, 256, CONCURRENCY, key="together", persist_state="session", help="For each endpoint."
            )
            seconds = st.number_input("Seconds for a call", 1.0, 3600.0, TIMEOUT_S, key="seconds", persist_state="session")
            stream = st.toggle("Stream answers", key="stream", persist_state="session", help="Tells the time to the first token.")
        template = st.text_area(
            "Template",
            key="template",
            persist_state="session",
            placeholder="{{input}}",
            max_chars=20_000,
            help="Sent in place of each prompt. Slots: {{input}}, {{context}}, {{request_type}}, {{metadata.NAME}}. Empty: prompts as they are.",
        )
        params = {"repeats": int(repeats), "concurrency": int(together)}
        params |= {"timeout_s": float(seconds)} if seconds != TIMEOUT_S else {}
        params |= {"stream": True} if stream else {}
        params |= {"template": template} if template and template.strip() else {}
        if live:
            known = _known(chosen, tuple(tiers), params)
            if len(known.outcomes):
                reuse = st.checkbox(
                    figures.md(
                        f"Take {len(known.outcomes):,} of {known.asked:,} answers from earlier runs ({figures.percent(known.hit_rate)}), "
                        f"which saves {figures.dollars(known.saved_usd)}"
                    ),
                    True,
                    key="reuse",
                    help="The very same call was answered before: same model, endpoint, parameters and messages.",
                )
                params |= {"reuse": True} if reuse else {}
    return params


def _known(chosen: EvalSetInfo, tiers: tuple[Tier, ...], params: dict):
    from tierwise.runs.execute import all_cells
    from tierwise.runs.reuse import reusable

    prompts = evalset(chosen.id)
    planned = Run("", "", chosen.id, "live", tiers, params=params)
    return reusable(state.store(), planned, {s.id: s for s in prompts.samples}, all_cells(planned, prompts.samples))


def show_estimate(e, simulated: bool) -> None:
    """The price, before the button."""
    if simulated:
        parts.simulated_badge()
    with st.grid(2, min_column_width=110, gap="small"):
        st.metric("Calls", f"{e.calls:,}")
        st.metric("Time", figures.minutes(e.minutes))
    spread = f"between {figures.dollars(e.low_usd)} and {figures.dollars(e.high_usd)}, by how long the answers get"
    if simulated:
        st.metric(
            "Cost",
            "$0",
            figures.md(f"as if {figures.dollars(e.usd)}"),
            delta_color="gray",
            delta_arrow="off",
            help=figures.md(f"Nothing is paid. At the list prices beside the tiers it would be {spread}."),
        )
    else:
        st.metric("Cost", f"about {figures.dollars(e.usd)}")
        st.caption(figures.md(spread.capitalize() + "."))
    if e.unpriced:
        parts.notes(
            [
                f"No price is known for {', '.join(e.unpriced)}: its cost is not in the estimate, and its answers cannot be tuned on. "
                "Fill in $ in and $ out."
            ],
            icon=":material/warning:",
        )


def choose_budget(e) -> float | None:
    """Dollars at which the run stops, or None."""
    if not e.usd:
        return None
    return st.number_input(
        "Stop at, US dollars",
        min_value=0.0,
        value=None,
        placeholder="no limit",
        key="budget",
        help="No call is sent that could take the run past this sum.",
    )


def start(chosen: EvalSetInfo, tiers: list[Tier], name: str, scorer: str, options: dict, budget: float | None, settings: dict) -> Run:
    """Plan the run and hand it to the queue, which goes on when this page is left."""
    from tierwise.runs.plan import create_run

    params = settings | {"scorer": scorer} | ({"scorer_options": options} if options else {}) | ({"budget_usd": budget} if budget else {})
    state.run_queue().check_start()
    run = create_run(state.store(), chosen.id, tuple(tiers), name=name, params=params)
    state.run_queue().start(run.id)
    return run

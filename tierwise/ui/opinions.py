"""Whose opinion a figure is: that of the automatic grades, or that of people."""

from typing import Any

from tierwise.errors import NotReady
from tierwise.ui import figures, readings


def of_loss(tuning: Any) -> str:
    """One line of Markdown on the recommended point's loss, our words and numbers only."""
    human = readings.human(tuning.run).among(tuning.matrix)
    choice = tuning.choice(tuning.chosen.thresholds)
    try:
        loss = human.loss(choice)
    except NotReady:
        return "**Checked by people:** not yet; loss and certificate are the opinion of the automatic grades. Grade some answers by eye."
    alone = f"; by the automatic grades alone it is {loss.judge * 100:.1f}" if loss.judge == loss.judge else ""
    few = " That is few: aim for a hundred." if loss.humans < 30 else ""
    return (
        f"**Corrected by {figures.count(loss.humans, 'human grade')}:** the recommended point loses {loss.value * 100:.1f} points "
        f"{figures.interval(loss.low, loss.high, 1)}{alone}.{few}"
    )

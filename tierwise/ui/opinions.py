"""Whose opinion a figure is: that of the automatic grades, or that of people."""

from typing import Any

from tierwise.ui import figures


def of_loss(tuning: Any) -> str:
    """Markdown on the loss and the certificate in the eyes of people, our words and numbers only."""
    opinion = tuning.opinion
    if opinion is None:
        return "**Checked by people:** not yet; loss and certificate are the opinion of the automatic grades. Grade some answers by eye."
    if opinion.loss is None:
        return f"**Checked by people:** too little to correct the loss by. {opinion.words}"
    loss = opinion.loss
    alone = f"; by the automatic grades alone it is {loss.judge * 100:.1f}" if loss.judge == loss.judge else ""
    few = " That is few: aim for a hundred." if loss.humans < 30 else ""
    return (
        f"**Corrected by {figures.count(loss.humans, 'human grade')}:** held-out, router and thresholds lose {loss.value * 100:.1f} points "
        f"{figures.interval(loss.low, loss.high, 1)}{alone}.{few} {opinion.words}"
    )

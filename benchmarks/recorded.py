"""Recorded outcomes of real models as graded runs: what benchmarks and tests are held against, where the recordings are there."""

from pathlib import Path

import numpy as np
import pandas as pd

from tierwise.tuning.answers import Answers
from tierwise.types import OutcomeMatrix, Run, Sample, Tier


def ladder(folder: Path, file: str, models: list[str], task: str | None = None) -> tuple[OutcomeMatrix, Answers | None]:
    """A ladder, one row a prompt, with the answers where they are there."""
    frame = pd.read_parquet(folder / f"{file}.parquet")
    frame = frame[frame["model"].isin(models) & (task is None or frame["task"] == task)]
    quality, cost = (frame.pivot(index="sample_id", columns="model", values=v)[models] for v in ("score", "cost_usd"))
    rows = frame.drop_duplicates("sample_id").set_index("sample_id").loc[quality.index]
    samples = tuple(Sample(str(i), p, None, t) for i, p, t in zip(rows.index, rows["prompt"], rows["task"], strict=True))
    flags = np.zeros(quality.shape, bool)
    run = Run(file, file, file, "recorded", tuple(Tier(m, m) for m in models), "done")
    matrix = OutcomeMatrix(run, samples, quality.to_numpy(float), cost.to_numpy(float), flags * 1.0, flags, flags, "recorded")
    if file != "zeroeval":
        return matrix, None
    said = frame.pivot(index="sample_id", columns="model", values="output")[models].loc[quality.index]
    return matrix, Answers(said.to_numpy(object)[:, :, None])

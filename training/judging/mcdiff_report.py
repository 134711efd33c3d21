"""The tables of MCDiff's evaluation, and which goals it reaches."""

from __future__ import annotations

from .evaluation import DENSE, Rows
from .mcdiff_judges import APART, F_ONLY, FULL, ON_WARPED, REPEATED, SPARSE, STILL, TOGETHER
from .report import AIM, MUST, Goal, Tables

TITLES = {
    "flow": "F, one step at a time: end-point error, px",
    "field": "F, the steps joined to a field: end-point error over the reference, px",
    "ablation": "The paper's ablation, rollouts: dB, SSIM, distance of the videos, change along "
    "true motion (of 255)",
    "growth": "Growth of errors over a long rollout: PSNR of single frames, dB",
    "drift": "With and without end to end, the same rollouts: PSNR of single frames, dB",
    "colour": "Drift of the mean colour from frame 0, of 255",
    "contrast": "Drift of the contrast from frame 0, percent",
    "sharpness": "Drift of the sharpness from frame 0, percent",
}


def goals(tables: Tables) -> list[Goal]:
    """The goals that the tables can tell of."""
    found = [
        *_flow_goals(tables.get("flow", {}), F_ONLY, "one step"),
        *_flow_goals(tables.get("field", {}), ON_WARPED, "joined steps, no true frames"),
        *_ablation_goals(tables.get("ablation", {})),
        *_drift_goals(tables.get("drift", {})),
    ]
    return sorted(found, key=lambda goal: goal.kind == AIM)


def _flow_goals(rows: Rows, ours: str, what: str) -> list[Goal]:
    if ours not in rows:
        return []
    made, dense, none = rows[ours], rows[DENSE], rows[STILL]
    bounds = [
        (MUST, "driven objects nearer than Densify Tracks'", "driven", dense),
        (MUST, "driven objects nearer than no motion's", "driven", none),
        (MUST, "all pixels nearer than no motion's", "all", none),
        (AIM, "all pixels nearer than Densify Tracks'", "all", dense),
    ]
    return [
        Goal(kind, f"F, {what}: {said}, px", made[column], other[column], True)
        for kind, said, column, other in bounds
    ]


def _ablation_goals(rows: Rows) -> list[Goal]:
    if FULL not in rows:
        return []
    full, still_video = rows[FULL], rows[REPEATED]
    found = [Goal(AIM, "full model over frame 0 repeated, dB", full["PSNR"], still_video["PSNR"])]
    if SPARSE in rows:
        sparse = rows[SPARSE]
        found += [
            Goal(MUST, "full model over sparse flow alone, dB", full["PSNR"], sparse["PSNR"]),
            Goal(MUST, "full model over sparse flow alone, SSIM", full["SSIM"], sparse["SSIM"]),
            Goal(
                MUST, "full nearer than sparse, videos", full["distance"], sparse["distance"], True
            ),
        ]
    return found


def _drift_goals(rows: Rows) -> list[Goal]:
    if TOGETHER not in rows or APART not in rows:
        return []
    ours, apart = rows[TOGETHER], rows[APART]
    last = [name for name in ours if name.startswith("frame ")][-1]
    return [Goal(AIM, f"end to end over apart, {last}, dB", ours[last], apart[last])]

"""What the video benchmark hopes for, judged from its figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS, STOCK, CHROMIUM = "ours", "stock", "chromium"

FPS_AIM, LATENCY_AIM_MS = 12, 500
READINGS_AIM_MS = 1000
CONCEALED_AIM, TONES_AIM = 0.02, 98.0
"""Voice is intact when at most so much of it was made up, and so many tones were heard."""

BACK_AIM_S = 1.0
CPU_SHARE_AIM = 0.5
SAME_PICTURE, SAME_SSIM = 0.15, 0.01
"""Pictures are the same when lines and rate differ by no more than this share and the SSIM of ours is not less by more
than this: only then are costs compared."""

Row = Mapping[str, Any]


def aims(links: Mapping[str, Mapping[str, Row]]) -> dict[str, bool]:
    """Link -> sender -> figures; what was not measured has no aim, nor has what none of them has."""
    reached: dict[str, bool] = {}
    for name, rows in links.items():
        ours = rows.get(OURS)
        if ours is None:
            continue
        if (other := rows.get(CHROMIUM)) is not None:
            reached |= _beside(name, ours, other)
        reached |= _own(name, ours)
        if (stock := rows.get(STOCK)) is not None and same_picture(ours, stock):
            reached[f"{name}: CPU at most half of stock aiortc's at the same picture"] = (
                ours["cpu_percent_of_a_core"] <= CPU_SHARE_AIM * stock["cpu_percent_of_a_core"])
    return reached


def same_picture(ours: Row, other: Row) -> bool:
    """Whether both displayed as many lines as often, and ours was not the worse one."""
    return (all(ours[key] and other[key] and abs(ours[key] / other[key] - 1) <= SAME_PICTURE
                for key in ("lines_p50", "fps"))
            and (ours["ssim"] or 0.0) >= (other["ssim"] or 0.0) - SAME_SSIM)


def _beside(name: str, ours: Row, other: Row) -> dict[str, bool]:
    reached = {f"{name}: frozen no longer than Chromium's": ours["frozen_s"] <= other["frozen_s"]}
    mine, theirs = ours["latency_ms"]["p95"], other["latency_ms"]["p95"]
    if mine is not None or theirs is not None:
        reached[f"{name}: latency p95 as good as Chromium's"] = mine is not None and (theirs is None or mine <= theirs)
    if ours["ssim"] is not None or other["ssim"] is not None:
        reached[f"{name}: SSIM as good as Chromium's"] = (ours["ssim"] or 0.0) >= (other["ssim"] or 0.0)
    return reached


def intact(row: Row) -> bool:
    """Whether the voice came whole."""
    voice = row["voice"]
    return (voice["concealed_s"] <= CONCEALED_AIM * row["window_s"]
            and (voice["tones_heard_percent"] or 0.0) >= TONES_AIM)


def _own(name: str, ours: Row) -> dict[str, bool]:
    own: dict[str, bool] = {}
    late = ours["latency_ms"]["p95"]
    if name == "150k":
        own[f"150k: at least {FPS_AIM} fps, p95 under {LATENCY_AIM_MS} ms"] = (
            ours["fps"] >= FPS_AIM and late is not None and late < LATENCY_AIM_MS)
    if name == "80k":
        readings = ours["readings_ms"]["p99"]
        own["80k: voice intact"] = intact(ours)
        own["80k: readings p99 under 1 s"] = readings is not None and readings < READINGS_AIM_MS
    for key, words in (("back_s", "picture back within 1 s of the network"), ("handover_s", "hand-over within 1 s")):
        if key in ours:
            own[f"{name}: {words}"] = ours[key] is not None and ours[key] <= BACK_AIM_S
    return own

"""The video benchmark's page: a table and two plots per link, one HTML file that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

COLOURS = {"ours": "#0b6bcb", "stock": "#c2571a", "chromium": "#3c8d40"}
WORDS = {"ours": "ours", "stock": "stock aiortc", "chromium": "Chromium's own"}

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 620, 210, 52, 26, 18
LATENCY_TOP_MS = 2000.0
"""What is later is drawn at the top edge: a plot is for the usual, the table for the worst."""

GAP_SECONDS = 0.5
"""A line is not drawn across a freeze."""

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1300px;padding:0 16px;color:#1d242b}
table{border-collapse:collapse;margin:8px 0;font-variant-numeric:tabular-nums}
td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #dde3e8}td:first-child,th:first-child{text-align:left}
.figures{width:100%;font-size:13px}.figures td,.figures th{padding:3px 5px}.figures th{vertical-align:bottom}
.figures td:first-child{white-space:nowrap}.figures .why,.aims td{text-align:left;vertical-align:top}
svg{width:calc(50% - 8px);height:auto;margin:4px 8px 4px 0;background:#fafbfc;box-shadow:0 0 0 1px #dde3e8}
svg:last-of-type{margin-right:0}h2{margin:28px 0 4px}nav a{margin-right:12px}
.missed{color:#a3230e}.reached{color:#23682a}text{font:11px system-ui,sans-serif;fill:#48535e}
"""

Points = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Plots:
    """Of one link: (second of the window, value) by sender; the capacity beside them; spans (from, to) of outages."""

    seconds: float
    capacity: Points = ()
    latency: dict[str, Points] = field(default_factory=dict)
    rate: dict[str, Points] = field(default_factory=dict)
    outages: Sequence[tuple[float, float]] = ()


def page(title: str, rig: Mapping[str, Any], links: Mapping[str, Mapping[str, Any]], plots: Mapping[str, Plots],
         aims: Mapping[str, bool]) -> str:
    """The whole document."""
    parts = [f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>",
             f"<style>{_STYLE}</style><h1>{escape(title)}</h1>", _key(), _aims(aims, links)]
    for name, rows in links.items():
        parts += [f"<h2 id='{escape(name)}'>{escape(name)}</h2>", table(rows)]
        if name in plots:
            drawn = plots[name]
            clipped = {who: [(at, min(value, LATENCY_TOP_MS)) for at, value in points]
                       for who, points in drawn.latency.items()}
            parts += [chart("latency, ms (capture to display)", drawn, clipped, broken=True),
                      chart("on the uplink, kbit/s (grey: capacity, at the top edge: as much or more)", drawn,
                            drawn.rate, ground=drawn.capacity)]
    parts.append("<h2>How it was measured</h2><ul>")
    parts += [f"<li>{escape(str(key).replace('_', ' '))}: {_flat(value)}</li>" for key, value in rig.items()]
    return "".join([*parts, "</ul></html>"])


_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("fps", lambda r: r["fps"]), ("lines", lambda r: r["lines_p50"]), ("p50 ms", lambda r: r["latency_ms"]["p50"]),
    ("p95", lambda r: r["latency_ms"]["p95"]), ("p99", lambda r: r["latency_ms"]["p99"]),
    ("frozen s", lambda r: r["frozen_s"]), ("SSIM", lambda r: r["ssim"]),
    ("SSIM, last third", lambda r: r.get("last_third", {}).get("ssim", "")), ("kbit/s", lambda r: r["kbps"]),
    ("voice made up s", lambda r: r["voice"]["concealed_s"]),
    ("tones heard %", lambda r: r["voice"]["tones_heard_percent"]),
    ("voice p50 ms", lambda r: r["voice"]["delay_ms"]["p50"]), ("p95", lambda r: r["voice"]["delay_ms"]["p95"]),
    ("readings p50 ms", lambda r: r["readings_ms"]["p50"]), ("p99", lambda r: r["readings_ms"]["p99"]),
    ("key frames", lambda r: r["keyframes"]), ("back / over s", lambda r: r.get("back_s", r.get("handover_s", ""))),
    ("CPU % of a core", lambda r: r["cpu_percent_of_a_core"]), ("starved %", lambda r: r["starved_percent_of_time"]),
    ("links late ms", lambda r: r["emulator_late_ms"]["p95"]),
)


def table(rows: Mapping[str, Any]) -> str:
    """A line per sender; one that was not measured says why."""
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in _COLUMNS)
    lines = [f"<table class='figures'><tr><th>sender</th>{head}</tr>"]
    for who, row in rows.items():
        name = escape(WORDS.get(who, who))
        if "not_measured" in row:
            why = f"<td class='why' colspan='{len(_COLUMNS)}'>{escape(row['not_measured'])}</td>"
            lines.append(f"<tr><td>{name}</td>{why}</tr>")
            continue
        cells = "".join(f"<td>{escape(_cell(read(row)))}</td>" for _, read in _COLUMNS)
        lines.append(f"<tr><td>{name}</td>{cells}</tr>")
    return "".join([*lines, "</table>"])


def chart(title: str, plots: Plots, lines: Mapping[str, Points], *, ground: Points = (), broken: bool = False) -> str:
    """An SVG drawing: a line per sender over the window, outages shaded. `broken`: not across gaps."""
    values = [value for points in lines.values() for _, value in points]
    if ground and values:
        # A trace's peaks would flatten everything else.
        values.append(min(max(value for _, value in ground), 2 * max(values)))
    elif ground:
        values = [value for _, value in ground]
    top = _round_up(max(values, default=1.0))

    def x(at: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 8) * at / plots.seconds, 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(value, top) / top, 1)

    drawn = [f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img'><title>{escape(title)}</title>",
             f"<text x='{_LEFT}' y='12'>{escape(title)}</text>"]
    for begin, end in plots.outages:
        width = round(x(min(end, plots.seconds)) - x(begin), 1)
        drawn.append(f"<rect x='{x(begin)}' y='{_TOP}' width='{width}' height='{_HEIGHT - _BOTTOM - _TOP}' "
                     "fill='#f3d9d5'/>")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        level = y(top * share)
        drawn.append(f"<line x1='{_LEFT}' x2='{_WIDTH - 8}' y1='{level}' y2='{level}' stroke='#e4e9ed'/>"
                     f"<text x='{_LEFT - 6}' y='{level + 4}' text-anchor='end'>{top * share:g}</text>")
    for step in range(7):
        at = plots.seconds * step / 6
        drawn.append(f"<text x='{x(at)}' y='{_HEIGHT - 8}' text-anchor='middle'>{at:.0f}</text>")
    if ground:
        path = " ".join(f"{x(at)},{y(value)}" for at, value in ground if at <= plots.seconds)
        drawn.append(f"<polyline points='{path}' fill='none' stroke='#9aa5af' stroke-width='1.5'/>")
    for who, points in lines.items():
        for run in runs(points, GAP_SECONDS if broken else float("inf")):
            path = " ".join(f"{x(at)},{y(value)}" for at, value in run)
            drawn.append(f"<polyline points='{path}' fill='none' stroke='{COLOURS.get(who, '#555')}' "
                         "stroke-width='1.4'/>")
    return "".join([*drawn, "</svg>"])


def runs(points: Points, gap: float) -> list[list[tuple[float, float]]]:
    """Points apart by no more than `gap` seconds belong together."""
    found: list[list[tuple[float, float]]] = []
    for point in points:
        if not found or point[0] - found[-1][-1][0] > gap:
            found.append([])
        found[-1].append(point)
    return found


def _round_up(value: float) -> float:
    step = 10.0
    while value > 4 * step:
        step *= 2.0 if str(step)[0] in "15" else 2.5
    return step * max(1, -(-value // step))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key() -> str:
    names = (f"<b style='color:{COLOURS[who]}'>{escape(words)}</b>" for who, words in WORDS.items())
    return f"<p>{' · '.join(names)}</p>"


def _aims(aims: Mapping[str, bool], links: Mapping[str, Any]) -> str:
    """A line per link: each aim with its outcome; what belongs to no link comes first."""
    grouped: dict[str, list[str]] = {}
    for name, reached in aims.items():
        link, colon, words = name.partition(": ")
        if not colon or link not in links:
            link, words = "", name
        outcome = "<b class='reached'>ok</b>" if reached else "<b class='missed'>missed</b>"
        grouped.setdefault(link, []).append(f"{escape(words)} {outcome}")
    lines = [f"<tr><td><a href='#{escape(link)}'>{escape(link)}</a></td><td>{' · '.join(told)}</td></tr>"
             for link, told in sorted(grouped.items(), key=lambda group: group[0] != "")]
    return f"<p>{sum(aims.values())} of {len(aims)} aims reached</p><table class='aims'>{''.join(lines)}</table>"


def _flat(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 3:
        return f"<ul>{''.join(f'<li>{escape(str(one))}</li>' for one in value)}</ul>"
    if isinstance(value, Mapping):
        value = [f"{key} {_cell(one)}" for key, one in value.items()]
    return escape("; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))

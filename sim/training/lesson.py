"""A lesson: timed steps in TOML, each something that is done to the simulated hardware."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

READY: Final = Path(__file__).parent
STEPS: Final = 500
LONGEST_S: Final = 3600.0
"""A lesson is shorter than an hour."""

Do = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Post a body to a path of the control server and get its answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """At `at_s` seconds, `say` something, or `do` (a path such as `ble/cuff/measure`) `with_` these fields."""

    at_s: float
    say: str = ""
    do: str = ""
    with_: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a person should have learnt at the end, and the steps in their order."""

    title: str
    learn: tuple[str, ...]
    instruments: tuple[str, ...]
    steps: tuple[Step, ...]


def find(name: str) -> Path:
    """A file, or a ready lesson by its name. FileNotFoundError names the ready ones."""
    for path in (Path(name), READY / f"{name}.toml"):
        if path.is_file():
            return path
    ready = ", ".join(sorted(path.stem for path in READY.glob("*.toml")))
    raise FileNotFoundError(f"there is no lesson {name}; ready ones: {ready}")


def parse(text: str) -> Lesson:
    """ValueError says what is wrong with it."""
    found = tomllib.loads(text)
    _known(found, {"title", "learn", "instruments", "step"}, "a lesson")
    steps = found.get("step", [])
    if not isinstance(steps, list) or not 1 <= len(steps) <= STEPS:
        raise ValueError(f"a lesson has 1 to {STEPS} steps")
    return Lesson(str(found.get("title", "")), _words(found, "learn"), _words(found, "instruments"),
                  tuple(sorted((_step(step) for step in steps), key=lambda step: step.at_s)))


async def play(lesson: Lesson, do: Do, say: Callable[[str], None], speed: float = 1.0) -> int:
    """Play it; returns the number of steps that the hardware refused."""
    loop = asyncio.get_running_loop()
    began, refused = loop.time(), 0
    say(lesson.title)
    for step in lesson.steps:
        await asyncio.sleep(max(0.0, began + step.at_s / speed - loop.time()))
        if step.say:
            say(f"{step.at_s:5.0f} s  {step.say}")
        if step.do:
            answer = await do(step.do, dict(step.with_))
            refused += "error" in answer
            say(f"{step.at_s:5.0f} s  {step.do}: {answer}")
    for learnt in lesson.learn:
        say(f"- {learnt}")
    return refused


def _step(found: Any) -> Step:
    if not isinstance(found, dict):
        raise ValueError("a step is a table")
    _known(found, {"at_s", "say", "do", "with"}, "a step")
    at, fields = found.get("at_s"), found.get("with", {})
    if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at <= LONGEST_S:
        raise ValueError(f"at_s is a number of seconds up to {LONGEST_S:.0f}")
    if not isinstance(fields, dict):
        raise ValueError("with is a table")
    step = Step(float(at), str(found.get("say", "")), str(found.get("do", "")), tuple(fields.items()))
    if not step.say and not step.do:
        raise ValueError(f"the step at {at} s does nothing")
    return step


def _known(found: dict[str, Any], names: set[str], what: str) -> None:
    unknown = sorted(set(found) - names)
    if unknown:
        raise ValueError(f"{what} has no {', '.join(unknown)}")


def _words(found: dict[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{name} is a list of words")
    return tuple(value)

"""What a process holds: objects by type, lengths of what its long-lived objects keep, tasks, threads, descriptors.

A leak shows here as a number that rises, long before the resident memory says anything: an allocator keeps and gives
back as it likes, a dictionary does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import itertools
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MemberDescriptorType
from typing import Any

ROOMS = ("gateway", "relay", "protocol", "sim", "bench", "aiortc", "aioice", "aiohttp", "asyncio", "structlog",
         "prometheus_client", "sqlalchemy")
"""Whose objects are asked for what they keep."""

RISE_LEAST = 8
"""Objects or elements: fewer over a soak are a window that fills, or a second call that began."""

_SIZED = (dict, list, set, frozenset, deque, tuple, bytes, bytearray, str)
_CHECKED = (dict, list, set, deque)


@dataclass(frozen=True, slots=True)
class Census:
    """At one moment. `objects`: live containers and instances by type, as the collector sees them; `lengths`: elements
    by `Class.attribute`, of all instances together, and by `module:name` of globals."""

    objects: Mapping[str, int]
    lengths: Mapping[str, int]
    tasks: int
    threads: int
    descriptors: int

    @property
    def counts(self) -> dict[str, int]:
        """Everything under one name each."""
        return {**{f"objects {name}": count for name, count in self.objects.items()},
                **{f"length {name}": count for name, count in self.lengths.items()},
                "tasks": self.tasks, "threads": self.threads, "descriptors": self.descriptors}


def census() -> Census:
    """Take one. Collects garbage first: what is only waiting for that is no leak. Blocks for some ms for each 10,000
    objects; `gc.freeze()` after the imports leaves those out for good."""
    gc.collect()
    objects: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        objects[f"{kind.__module__}.{kind.__qualname__}"] += 1
        if str(kind.__module__).partition(".")[0] in ROOMS and not isinstance(one, type):
            for name, value in _attributes(one, kind):
                if isinstance(value, _SIZED):
                    lengths[f"{kind.__module__}.{kind.__qualname__}.{name}"] += len(value)
                elif isinstance(value, asyncio.Queue):
                    lengths[f"{kind.__module__}.{kind.__qualname__}.{name}"] += value.qsize()
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in ROOMS:
            for name, value in list(vars(module).items()):
                if isinstance(value, _CHECKED) and not name.startswith("__"):
                    lengths[f"{module_name}:{name}"] += len(value)
                elif isinstance(value, functools._lru_cache_wrapper):
                    lengths[f"{module_name}:{name}"] += value.cache_info().currsize
    try:
        tasks = len(asyncio.all_tasks())
    except RuntimeError:
        tasks = 0
    return Census(dict(objects), dict(lengths), tasks, threading.active_count(), len(os.listdir("/proc/self/fd")))


def rising(series: Sequence[Mapping[str, int]], least: int = RISE_LEAST) -> dict[str, list[int]]:
    """What never falls over `series`, rises in most of its steps, and by `least` in all, with its values; the
    steepest first. Fewer than three say nothing."""
    if len(series) < 3:
        return {}
    found: dict[str, list[int]] = {}
    for name in sorted(set().union(*series)):
        values = [one.get(name, 0) for one in series]
        steps = [later - earlier for earlier, later in itertools.pairwise(values)]
        if min(steps) >= 0 and 2 * sum(step > 0 for step in steps) > len(steps) and values[-1] - values[0] >= least:
            found[name] = values
    return dict(sorted(found.items(), key=lambda item: item[1][0] - item[1][-1]))


def _attributes(one: object, kind: type) -> Iterator[tuple[str, Any]]:
    with contextlib.suppress(AttributeError):
        # Not by `vars`: an object's own way to attributes may make what is not there.
        yield from list(object.__getattribute__(one, "__dict__").items())
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                hidden = f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") else name
                # By its descriptor: asking the object may make what is not there.
                place = base.__dict__.get(hidden)
                if isinstance(place, MemberDescriptorType):
                    with contextlib.suppress(AttributeError):
                        yield name, place.__get__(one, kind)

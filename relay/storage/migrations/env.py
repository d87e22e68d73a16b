"""Alembic's entry: runs the revisions over the connection that `migrate` hands in."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from relay.storage.base import Moment
from relay.storage.models import Base


def _render(kind: str, item: Any, _: object) -> str | Literal[False]:
    return "Moment()" if kind == "type" and isinstance(item, Moment) else False


context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata,
                  compare_type=True, render_item=_render)
with context.begin_transaction():
    context.run_migrations()

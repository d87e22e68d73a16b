"""A message that was understood and is refused."""

from __future__ import annotations


class MessageRefused(Exception):
    """`code` and `facts` go back to the sender as a `Refusal`; nobody else notices."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

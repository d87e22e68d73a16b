"""The web client's types come from the wire as it is."""

from pathlib import Path

from protocol import schema

COMMITTED = Path(__file__).parents[2] / "web_client" / "src" / "protocol" / "schema.json"


def test_committed_schema_is_fresh() -> None:
    """`web_client/src/protocol/schema.json` is what `python -m protocol.schema` prints today."""
    assert COMMITTED.read_text(encoding="utf-8") == schema.text()


def test_every_reference_is_defined() -> None:
    """No `$ref` of the schema points at nothing."""
    whole = schema.text()
    names = set(schema.schema()["$defs"])
    wanted = {part.split('"')[0] for part in whole.split('"#/$defs/')[1:]}
    assert wanted <= names

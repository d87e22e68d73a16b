"""The audit's tree: RFC 9162's own values, proofs, and every way to falsify it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from relay.audit import Finding, Head, Witness, canonical, record, verify
from relay.keys import load_or_make, named
from relay.merkle import Frontier, consistency_proof, consistent, included, inclusion_proof, leaf_hash, node_hash
from relay.storage import models
from relay.storage.audit import AuditHead, AuditRow
from relay.storage.base import Storage, database_url, open_storage

KEY = named(ec.generate_private_key(ec.SECP256R1()))
KEYS = {KEY.key_id: KEY.public}

# Certificate-transparency-go, testdata of merkletree (Apache-2.0 repository, values are facts): the eight
# entries of RFC 6962 test trees and their roots; the hash function is the same in RFC 9162.
CT_ENTRIES = [bytes.fromhex(value) for value in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}


def test_roots_are_those_of_certificate_transparency() -> None:
    """Our roots of the eight published trees are the published ones."""
    frontier = Frontier()
    assert frontier.root() == hashlib.sha256(b"").digest()
    for size, entry in enumerate(CT_ENTRIES, start=1):
        frontier.append(leaf_hash(entry))
        assert frontier.root().hex() == CT_ROOTS[size]


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_inclusion_holds_for_the_leaf_and_for_no_other(entries: list[bytes], data: st.DataObject) -> None:
    """A proof fits its leaf at its place only."""
    leaves = [leaf_hash(entry) for entry in entries]
    place = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = inclusion_proof(leaves, place), Frontier(leaves).root()
    assert included(leaves[place], place, len(leaves), proof, root)
    assert not included(leaf_hash(b"another entry"), place, len(leaves), proof, root)
    assert not included(leaves[place], len(leaves), len(leaves), proof, root)
    if proof:
        assert not included(leaves[place], place, len(leaves), proof[:-1], root)
        assert not included(leaves[place], place, len(leaves), [*proof, bytes(32)], root)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_consistency_holds_for_a_tree_that_grew(entries: list[bytes], data: st.DataObject) -> None:
    """A tree is proved to have grown from an older one, and a forked one is not."""
    leaves = [leaf_hash(entry) for entry in entries]
    old = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(leaves, old)
    old_root, root = Frontier(leaves[:old]).root(), Frontier(leaves).root()
    assert consistent(old, old_root, len(leaves), root, proof)
    forked = [leaf_hash(b"forked entry"), *leaves[1:]]
    assert not consistent(old, Frontier(forked[:old]).root(), len(leaves), root, proof)


def test_a_node_is_not_a_leaf() -> None:
    """The prefixes keep a leaf that spells two hashes from standing for their node."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    assert models.Base is not None
    opened = open_storage(database_url("", tmp_path))
    await opened.create_all()
    for number in range(7):
        async with opened.session() as session:
            assert await record(session, what="test.done", who="d-anne", about=f"x{number}") == number
    yield opened
    await opened.close()


async def heads(storage: Storage) -> list[Head]:
    async with storage.reading() as session:
        rows = (await session.execute(select(AuditHead))).scalars()
        return [Head(row.size, row.root, row.at, row.key_id, row.signature) for row in rows]


async def test_an_untouched_tree_verifies_and_heads_are_signed_once(storage: Storage) -> None:
    """A head covers what was added; without anything new there is no new head."""
    witness = Witness(storage, KEY)
    first = await witness.sign()
    assert first is not None
    assert first.size == 7
    assert await witness.sign() is None
    assert await Witness(storage, KEY).sign() is None
    async with storage.session() as session:
        await record(session, what="test.done", who="d-anne")
    assert await witness.sign() is not None
    assert await verify(storage, KEYS) == []


async def test_an_undone_act_leaves_no_line(storage: Storage) -> None:
    """The line is in the act's own transaction: both or none."""
    async def fail() -> None:
        async with storage.session() as session:
            await record(session, what="test.undone", who="d-anne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await Witness(storage, KEY).sign()
    assert [head.size for head in await heads(storage)] == [7]


async def test_a_flipped_line_is_found(storage: Storage) -> None:
    """Changing who did something is found, even with the stored hash changed to fit."""
    await Witness(storage, KEY).sign()
    async with storage.session() as session:
        row = await session.get(AuditRow, 3)
        assert row is not None
        row.entry = row.entry.replace(b"d-anne", b"d-paul")
    assert Finding("audit.altered", 3) in await verify(storage, KEYS)
    async with storage.session() as session:
        row = await session.get(AuditRow, 3)
        assert row is not None
        row.leaf = leaf_hash(row.entry)
    assert await verify(storage, KEYS) == [Finding("audit.head_differs", 7)]
    async with storage.session() as session:
        row = await session.get(AuditRow, 3)
        assert row is not None
        row.entry = b"\xff not even JSON"
    assert Finding("audit.altered", 3) in await verify(storage, KEYS)


async def test_a_deleted_line_is_found(storage: Storage) -> None:
    """A hole is found, and so is a hole that was closed by renumbering."""
    await Witness(storage, KEY).sign()
    async with storage.session() as session:
        await session.execute(delete(AuditRow).where(AuditRow.position == 2))
    assert Finding("audit.missing", 2) in await verify(storage, KEYS)
    async with storage.session() as session:
        for position in range(3, 7):
            await session.execute(update(AuditRow).where(AuditRow.position == position).values(position=position - 1))
    found = await verify(storage, KEYS)
    assert Finding("audit.moved", 2) in found
    assert Finding("audit.truncated", 7) in found


async def test_reordered_lines_are_found(storage: Storage) -> None:
    """Two lines that changed places are found, also when they were rewritten for their new places."""
    await Witness(storage, KEY).sign()
    async with storage.session() as session:
        one, two = await session.get(AuditRow, 1), await session.get(AuditRow, 2)
        assert one is not None
        assert two is not None
        one.entry, two.entry = two.entry, one.entry
        one.leaf, two.leaf = two.leaf, one.leaf
    found = await verify(storage, KEYS)
    assert Finding("audit.moved", 1) in found
    assert Finding("audit.head_differs", 7) in found


async def test_a_cut_tree_is_found_with_a_witness(storage: Storage) -> None:
    """A tree cut behind an older head is found; cut with its heads, a head kept elsewhere finds it."""
    witness = Witness(storage, KEY)
    kept = await witness.sign()
    assert kept is not None
    async with storage.session() as session:
        await session.execute(delete(AuditRow).where(AuditRow.position >= 5))
    assert await verify(storage, KEYS) == [Finding("audit.truncated", 7)]
    async with storage.session() as session:
        await session.execute(delete(AuditHead))
    assert await verify(storage, KEYS) == []
    assert await verify(storage, KEYS, [kept]) == [Finding("audit.truncated", 7)]


async def test_a_forged_head_is_found(storage: Storage) -> None:
    """A head that was not signed by a known key proves nothing and is reported."""
    other = named(ec.generate_private_key(ec.SECP256R1()))
    await Witness(storage, other).sign()
    assert await verify(storage, KEYS) == [Finding("audit.head_forged", 7)]
    assert await verify(storage, {other.key_id: KEY.public}) == [Finding("audit.head_forged", 7)]
    assert await verify(storage, {other.key_id: other.public}) == []


def test_canonical_json_does_not_depend_on_the_order_of_names() -> None:
    """The same line makes the same leaf wherever it was written."""
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1}) == '{"a":"é","b":1}'.encode()


def test_keys_are_made_once_and_read_by_nobody_else(tmp_path: Path) -> None:
    """The key file has mode 0600, gives the same key again, and is refused when others may read it."""
    made = load_or_make(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert load_or_make(tmp_path / "k").key_id == made.key_id
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(Exception, match="chmod 600"):
        load_or_make(tmp_path / "k")

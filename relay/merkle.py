"""The Merkle tree of RFC 9162, section 2.1: leaf and node hashes, roots, proofs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry): the prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree that remembers only the roots of its full subtrees: O(log n) to append and to sum up."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._roots: list[tuple[int, bytes]] = []
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        height, root = 0, leaf
        while self._roots and self._roots[-1][0] == height:
            root = node_hash(self._roots.pop()[1], root)
            height += 1
        self._roots.append((height, root))
        self.size += 1

    def root(self) -> bytes:
        """The root; of an empty tree the hash of nothing."""
        if not self._roots:
            return hashlib.sha256().digest()
        total = self._roots[-1][1]
        for _, root in reversed(self._roots[:-1]):
            total = node_hash(root, total)
        return total


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (>= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(leaves: Sequence[bytes]) -> bytes:
    return Frontier(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """PATH(position, leaves) of section 2.1.3.1."""
    if not 0 <= position < len(leaves):
        raise IndexError(position)
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if position < k:
        return [*inclusion_proof(leaves[:k], position), _root(leaves[k:])]
    return [*inclusion_proof(leaves[k:], position - k), _root(leaves[:k])]


def included(leaf: bytes, position: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Verify an inclusion proof (section 2.1.3.2)."""
    if not 0 <= position < size:
        return False
    fn, sn, total = position, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            total = node_hash(step, total)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            total = node_hash(total, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and total == root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(old_size, leaves) of section 2.1.4.1, for 0 < old_size <= len(leaves)."""
    if not 0 < old_size <= len(leaves):
        raise IndexError(old_size)
    return _subproof(old_size, leaves, whole=True)


def _subproof(old_size: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [_root(leaves)]
    k = _split(len(leaves))
    if old_size <= k:
        return [*_subproof(old_size, leaves[:k], whole=whole), _root(leaves[k:])]
    return [*_subproof(old_size - k, leaves[k:], whole=False), _root(leaves[:k])]


def consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Verify that the tree of `size` grew from the tree of `old_size` (section 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    steps = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not steps:
        return False
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(step, old), node_hash(step, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == old_root and new == root

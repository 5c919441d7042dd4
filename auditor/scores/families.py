"""Which models are kin: families from a column, from base models, else from names, each with the rule that said so.

Fine-tunes of one base are not independent witnesses (intraclass correlation .79 on the Open LLM Leaderboard), so every
statistic of this package counts families. A wrong family costs power, a missing one costs honesty: the rules prefer
too large a family to too small a one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RULES = {
    "column": "the table's own family column",
    "base_model": "the base model it names, followed to the root",
    "known base": "a well-known base model's name in its own name",
    "architecture": "an architecture that one line of base models has",
    "name": "the first word of its name that is not a size, version, format or training method",
    "copy": "the same scores on three or more benchmarks, or the same weights' hash, as a model of that family",
    "alone": "no kin that the table shows",
}
"""Rule code to what it means, in the order in which they are tried."""

_BASES = tuple(
    (family, re.compile(pattern))
    for family, pattern in (
        ("tinyllama", r"tiny-?llama"),
        ("codellama", r"code-?llama"),
        ("openllama", r"open-?llama"),
        ("llama-3", r"llama-?3"),
        ("llama-2", r"llama-?2"),
        ("mixtral", r"mixtral"),
        ("mistral", r"mistral|zephyr"),
        ("solar", r"\bsolar"),
        ("yi", r"\byi(?=-|\b)"),
        ("qwen3", r"qwen-?3"),
        ("qwen2.5", r"qwen-?2\.5"),
        ("qwen2", r"qwen-?2"),
        ("qwen1.5", r"qwen-?1\.5"),
        ("qwen", r"qwen"),
        ("phi", r"\bphi(?=-|\d|\b)"),
        ("gemma-2", r"gemma-?2(?!b)"),
        ("gemma", r"gemma"),
        ("falcon", r"falcon"),
        ("mpt", r"\bmpt\b"),
        ("pythia", r"pythia"),
        ("opt", r"\bopt\b"),
        ("gpt-neo", r"gpt-?neo"),
        ("gpt-j", r"gpt-?j\b"),
        ("gpt-2", r"gpt-?2"),
        ("bloom", r"bloom"),
        ("stablelm", r"stable-?lm"),
        ("deepseek", r"deepseek"),
        ("internlm", r"internlm"),
        ("redpajama", r"redpajama"),
        ("starcoder", r"starcoder"),
        ("rwkv", r"rwkv"),
        ("llama", r"\bllama\b|\bvicuna|\balpaca|\bguanaco"),
    )
)
"""Well-known base models, more particular before less; matched on the lower-case name with `_` and blanks as `-`."""

_ANY_BASE = re.compile("|".join(pattern.pattern for _, pattern in _BASES))
_ARCHITECTURES = {
    "phi": "phi", "phi3": "phi", "mixformersequential": "phi", "qwen2": "qwen1.5", "qwen2moe": "qwen1.5",
    "qwen3": "qwen3", "qwenlmhead": "qwen", "gemma": "gemma", "gemma2": "gemma-2", "falcon": "falcon",
    "rw": "falcon", "opt": "opt", "bloom": "bloom", "mpt": "mpt", "gptj": "gpt-j", "gpt2lmhead": "gpt-2",
    "gptneo": "gpt-neo", "mixtral": "mixtral", "internlm": "internlm", "internlm2": "internlm",
    "stablelm": "stablelm", "stablelmepoch": "stablelm", "stablelmalpha": "stablelm", "rwkv": "rwkv",
    "deepseek": "deepseek", "yi": "yi",
}  # fmt: skip
"""Architectures that one line of base models has. Llama's and Mistral's are used by unrelated bases and say nothing."""

_NOISE = re.compile(
    r"""^(?:v?\d+(?:\.\d+)*[a-z]?            # versions and numbers
        |\d+(?:\.\d+)?x?\d*(?:\.\d+)?[bmk]t?  # sizes: 7b, 8x7b, 350m
        |a\d+(?:\.\d+)?b                      # active parameters of a mixture: a14b
        |(?:fp|bf|int|float|bfloat)\d+|q\d.*|\d+bits?|gptq|awq|gguf|ggml|exl2|safetensors?|hf|pt|bnb
        |chat|instruct(?:ion)?|it|base|sft|dpo|orpo|kto|rlhf|ppo|ift|lora|qlora|peft|adapters?|ft|finetuned?|tuned
        |merged?|slerp|ties|dare|linear|moe|test|model|llm|lm|the|my|new|preview|beta|alpha|final|epochs?|steps?)$""",
    re.VERBOSE,
)


def name_stem(model: str) -> str:
    """First telling word of a model's name without its organisation; two when the first is under four letters.

    >>> name_stem("Aspik101/trurl-2-13b-pl-instruct_unload")
    'trurl'
    """
    plain = model.rsplit("/", 1)[-1].lower()
    words = [w for w in re.split(r"[^\w.]+|_", plain) if w and not _NOISE.match(w)]
    if not words:
        return plain.strip() or "?"
    return words[0] if len(words[0]) >= 4 or len(words) == 1 else f"{words[0]}-{words[1]}"


@lru_cache(maxsize=200_000)
def family_from_name(model: str) -> tuple[str, str]:
    """(family, rule code) that a name alone gives."""
    plain = re.sub(r"[\s_/]+", "-", model.lower())
    if _ANY_BASE.search(plain):
        for family, pattern in _BASES:
            if pattern.search(plain):
                return family, "known base"
    return name_stem(model), "name"


def family_from_architecture(architecture: str) -> str:
    """Family that an architecture's class name gives, "" where it gives none.

    >>> family_from_architecture("Phi3ForCausalLM")
    'phi'
    """
    return _ARCHITECTURES.get(re.sub(r"(?:forcausallm|model|forconditionalgeneration)$", "", architecture.lower()), "")


@dataclass(frozen=True, slots=True)
class Families:
    """Families of a table's rows."""

    codes: NDArray[np.int64]
    """(n,) family number of each row, from 0."""
    names: tuple[str, ...]
    """Name of each family."""
    rules: tuple[str, ...]
    """Rule code of each row: a key of `RULES`."""

    @property
    def lines(self) -> NDArray[np.int64]:
        """(n,) line of each row: well-known bases that differ in a version only (qwen, qwen1.5, qwen2) are one."""
        known = {family for family, _ in _BASES}
        plain = [re.sub(r"[-.\d]+$", "", name) if name in known else name for name in self.names]
        _, codes = np.unique(np.array(plain, dtype=object), return_inverse=True)
        return np.asarray(codes[self.codes], dtype=np.int64)

    def rule_counts(self) -> dict[str, int]:
        """Rows by the rule that placed them, in the order of `RULES`."""
        return {rule: self.rules.count(rule) for rule in RULES if rule in self.rules}


def _root(model: str, parents: dict[str, str]) -> str:
    seen = {model}
    while model in parents and parents[model] not in seen:
        model = parents[model]
        seen.add(model)
    return model


def _join_copies(names: list[str], rules: list[str], keys: Sequence[object]) -> None:
    """Rows with one key become one family: that of the first of them whose own rule is the strongest."""
    order = list(RULES)
    best: dict[object, int] = {}
    for i, key in enumerate(keys):
        if key is not None and (key not in best or order.index(rules[i]) < order.index(rules[best[key]])):
            best[key] = i
    for i, key in enumerate(keys):
        if key is not None and names[i] != names[best[key]]:
            names[i], rules[i] = names[best[key]], "copy"


def assign_families(
    models: Sequence[str],
    base_models: Sequence[str],
    columns: Sequence[str],
    hashes: Sequence[str],
    architectures: Sequence[str],
    scores: NDArray[np.float64],
) -> Families:
    """Family of each row.

    Args:
        models: names.
        base_models: the first base model of each, "" where not told.
        columns: the table's own family, "" where not told.
        hashes: hash of the weights, "" where not told.
        architectures: class of the model, "" where not told.
        scores: (n, benchmarks) in [0, 1], NaN where missing.
    """
    parents = {m.lower(): b.lower() for m, b in zip(models, base_models, strict=True) if b and b.lower() != m.lower()}
    names: list[str] = []
    rules: list[str] = []
    for model, base, column, architecture in zip(models, base_models, columns, architectures, strict=True):
        if column:
            family, rule = column, "column"
        elif base and base.lower() != model.lower():
            family, rule = family_from_name(_root(model.lower(), parents))[0], "base_model"
        else:
            family, rule = family_from_name(model)
            if rule == "name" and (by_architecture := family_from_architecture(architecture)):
                family, rule = by_architecture, "architecture"
        names.append(family)
        rules.append(rule)
    _join_copies(names, rules, [h or None for h in hashes])
    complete = np.isfinite(scores).sum(axis=1) >= 3
    rounded = np.round(np.nan_to_num(scores, nan=-1.0), 6)
    _join_copies(names, rules, [row.tobytes() if good else None for row, good in zip(rounded, complete, strict=True)])
    labels, codes, counts = np.unique(np.array(names, dtype=object), return_inverse=True, return_counts=True)
    rules = ["alone" if counts[c] == 1 and r == "name" else r for c, r in zip(codes, rules, strict=True)]
    return Families(codes.astype(np.int64), tuple(str(label) for label in labels), tuple(rules))

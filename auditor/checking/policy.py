"""The policy that an entry is checked against: which benchmarks, which thresholds, what must be said, what blocks."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError
from auditor.scores.config import ScoresConfig

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from auditor.types import Finding

VERDICTS = ("pass", "review", "block")
"""Of an entry, mildest first."""
DISCLOSABLE = (
    "params_b", "base_model", "training_sets", "architecture", "precision", "revision", "date", "license", "links",
    "scores", "tokens_t", "flops", "scores.shots", "scores.harness", "scores.items",
)  # fmt: skip
MAX_POLICY = 1 << 20
_SEVERITY = {"error": "block", "warning": "review", "note": "pass"}


@dataclass(frozen=True, slots=True)
class BenchmarkRules:
    """`[benchmarks]`."""

    judge: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    scan: Mapping[str, str] = field(default_factory=dict)
    shots: Mapping[str, int] = field(default_factory=dict)
    task_hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """`[scores]`: thresholds of the score audit, and of one entry alone."""

    review_q: float = 0.10
    strong_q: float = 0.01
    strong_z: float = 4.0
    min_excess: float = 3.0
    entry_p: float = 0.01
    sizes_from_names: bool = True

    @property
    def config(self) -> ScoresConfig:
        """The score audit's own configuration."""
        return ScoresConfig(
            review_q=self.review_q, strong_q=self.strong_q, strong_z=self.strong_z, min_excess=self.min_excess
        )


@dataclass(frozen=True, slots=True)
class DataRules:
    """`[data]`: limits of the scan of training sets."""

    max_sets: int = 20
    max_bytes: int = 4_000_000_000
    max_seconds: float = 600.0
    allowed_urls: tuple[str, ...] = ()
    unreadable: str = "incomplete"
    detectors: tuple[str, ...] = ()
    block_items: int = 1


@dataclass(frozen=True, slots=True)
class DisclosureRules:
    """`[disclosure]`."""

    required: tuple[str, ...] = ("params_b", "training_sets")


@dataclass(frozen=True, slots=True)
class LineageRules:
    """`[lineage]`."""

    note_unknown: bool = True


@dataclass(frozen=True, slots=True)
class ConsistencyRules:
    """`[consistency]`."""

    score_tolerance: float = 0.5
    size_tolerance: float = 1.45


@dataclass(frozen=True, slots=True)
class BlockRules:
    """`[block]`."""

    rules: tuple[str, ...] = ("check/outlier-on-contaminated-benchmark",)


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """`[review]`."""

    rules: tuple[str, ...] = ("score/outlier",)


@dataclass(frozen=True, slots=True)
class PassRules:
    """`[pass]`."""

    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; every setting has its default and its reason in `policy.toml` beside this module."""

    benchmarks: BenchmarkRules = BenchmarkRules()
    scores: ScoreRules = ScoreRules()
    data: DataRules = DataRules()
    disclosure: DisclosureRules = DisclosureRules()
    lineage: LineageRules = LineageRules()
    consistency: ConsistencyRules = ConsistencyRules()
    block: BlockRules = BlockRules()
    review: ReviewRules = ReviewRules()
    passed: PassRules = PassRules()
    source: str = ""
    """The file; "" for the defaults."""
    sha256: str = ""

    def verdict(self, finding: Finding) -> str:
        """What a finding means for its entry: "pass", "review" or "block"."""
        if finding.baseline is not None:
            return "pass"
        lists = (("block", self.block.rules), ("review", self.review.rules), ("pass", self.passed.rules))
        for verdict, rules in lists:
            if any(fnmatchcase(finding.rule_id, rule) for rule in rules):
                return verdict
        return _SEVERITY.get(finding.severity, "review")

    def to_json(self) -> dict[str, Any]:
        """The settings as they stand in the file, and where they came from."""
        said = {_SECTION.get(f.name, f.name): asdict(getattr(self, f.name)) for f in fields(self) if f.name in _KINDS}
        return {"source": self.source, "sha256": self.sha256, **said}


_KINDS = {f.name: f.default for f in fields(Policy) if f.default is not MISSING and f.name not in ("source", "sha256")}
_SECTION = {"passed": "pass"}
"""`pass` is no name in Python."""


def default_text() -> str:
    """The default policy as a documented file."""
    return files("auditor.checking").joinpath("policy.toml").read_text(encoding="utf-8")


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """A policy from a TOML file.

    Raises:
        InputError: it cannot be read, is not TOML, or has a key, a type or a value that no policy has.
    """
    place = Path(path)
    fix = "`auditor check --print-policy` shows one with every setting"
    try:
        with place.open("rb") as file:
            data = file.read(MAX_POLICY + 1)
    except OSError as error:
        raise InputError(f"cannot read the policy {place}: {error.strerror}; {fix}") from error
    if len(data) > MAX_POLICY:
        raise InputError(f"the policy {place} is larger than any policy; {fix}")
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"the policy {place} is not valid TOML: {error}; {fix}") from error
    return parse_policy(document, str(place), hashlib.sha256(data).hexdigest(), place.parent)


def parse_policy(document: Mapping[str, Any], source: str, digest: str, folder: Path) -> Policy:
    """A policy from its tables; paths of benchmarks in it are taken from `folder`. Raises InputError."""
    sections: dict[str, Any] = {}
    for name, table in document.items():
        ours = "passed" if name == "pass" else name
        if ours not in _KINDS or name == "passed":
            known = ", ".join(_SECTION.get(k, k) for k in _KINDS)
            raise InputError(f"the policy {source}: [{name}] means nothing here; there are {known}")
        if not isinstance(table, dict):
            raise InputError(f"the policy {source}: {name} must be a table, [{name}]")
        kind = type(_KINDS[ours])
        known_keys = {f.name: getattr(_KINDS[ours], f.name) for f in fields(kind)}
        values = {}
        for key, value in table.items():
            if key not in known_keys:
                raise InputError(
                    f"the policy {source}: [{name}] has no setting {key!r}; there are {', '.join(known_keys)}"
                )
            values[key] = _value(value, known_keys[key], key, f"the policy {source}: {name}.{key}")
        sections[ours] = kind(**values)
    policy = Policy(**sections, source=source, sha256=digest)
    _check(policy, source)
    scan = {name: _located(target, folder) for name, target in policy.benchmarks.scan.items()}
    from dataclasses import replace

    return replace(policy, benchmarks=replace(policy.benchmarks, scan=scan))


def _value(value: Any, default: Any, key: str, where: str) -> Any:
    """A setting in the type of its default."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise InputError(f"{where} must be true or false, not {value!r}")
    if isinstance(default, int | float):
        if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(default, float) or isinstance(value, int):
                return type(default)(value)
        raise InputError(f"{where} must be a number such as {default}, not {value!r}")
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise InputError(f"{where} must be text, not {value!r}")
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise InputError(f"{where} must be a list of texts, not {value!r}")
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a table of benchmark names, not {value!r}")
    return {name: _of_benchmark(key, v, f"{where}.{name}") for name, v in value.items()}


def _of_benchmark(key: str, value: Any, where: str) -> Any:
    if key == "scan" and isinstance(value, str) and value:
        return value
    if key in ("shots", "items") and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if key == "task_hashes":
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(v, str) for v in values):
            return tuple(values)
    needs = {"scan": "a catalog name or a path", "task_hashes": "a text or a list of texts"}.get(key, "a whole number")
    raise InputError(f"{where} must be {needs}, not {value!r}")


def _check(policy: Policy, source: str) -> None:
    """Ranges. Raises InputError naming the setting."""
    scores, data, consistency = policy.scores, policy.data, policy.consistency
    good = {
        "scores.review_q": 0 < scores.review_q <= 1,
        "scores.strong_q": 0 < scores.strong_q <= scores.review_q,
        "scores.min_excess": 0 <= scores.min_excess <= 100,
        "scores.strong_z": scores.strong_z >= 0,
        "scores.entry_p": 0 <= scores.entry_p <= 1,
        "data.max_sets": data.max_sets >= 0,
        "data.max_bytes": data.max_bytes >= 0,
        "data.max_seconds": data.max_seconds > 0,
        "data.unreadable": data.unreadable in ("incomplete", "note"),
        "data.block_items": data.block_items >= 1,
        "data.allowed_urls": all("://" in u and not u.endswith("://") for u in data.allowed_urls),
        "disclosure.required": all(r in DISCLOSABLE for r in policy.disclosure.required),
        "consistency.score_tolerance": 0 <= consistency.score_tolerance <= 100,
        "consistency.size_tolerance": consistency.size_tolerance > 1,
    }
    hints = {
        "disclosure.required": f"; there are {', '.join(DISCLOSABLE)}",
        "data.allowed_urls": '; write prefixes with a scheme and a host, such as "https://data.example.org/sets/"',
        "data.unreadable": '; it is "incomplete" or "note"',
    }
    for name, fits in good.items():
        if not fits:
            section, key = name.split(".")
            value = getattr(getattr(policy, section), key)
            raise InputError(f"the policy {source}: {name} = {value!r} cannot be{hints.get(name, '')}")


def _located(target: str, folder: Path) -> str:
    """A path from the policy's folder where there is such a file, else the text: a catalog name, an absolute path."""
    beside = folder / target
    return str(beside) if beside.exists() or "/" in target or target.startswith(".") else target

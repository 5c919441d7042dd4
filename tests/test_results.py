"""Adding up blocks: the order in which workers deliver them changes nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from auditor.decoys import FalseDiscovery
from auditor.results import SourceTally, Tally, stated_rate
from auditor.scanner import BlockResult
from auditor.types import Match, Skip, Verdict


def block(source: str, index: int, *skips: Skip) -> BlockResult:
    """The result of a block of ten records in which only `skips` are worth a word."""
    return BlockResult(source, index, 10, {s.reason: 1 for s in skips}, 0, 100, (), skips, {})


def test_a_source_is_incomplete_whether_its_end_or_its_broken_block_is_heard_of_first() -> None:
    """A worker may meet the end of a file while another still scans its last block."""
    cut = block("a.jsonl", 1, Skip("a.jsonl", "truncated_gzip"))
    steps = [
        lambda tally: tally.add(block("a.jsonl", 0)),
        lambda tally: tally.add(cut),
        lambda tally: setattr(tally.sources["a.jsonl"], "digest", "abc"),
    ]
    for order in permutations(steps):
        tally = Tally({"a.jsonl": SourceTally()})
        for step in order:
            step(tally)
        assert not tally.sources["a.jsonl"].complete
        assert tally.skipped == {"truncated_gzip": 1}
        assert tally.records_read == 20


def test_a_source_is_complete_when_its_end_was_reached_and_at_most_records_were_lost() -> None:
    tally = Tally({"a.jsonl": SourceTally()})
    tally.add(block("a.jsonl", 0, Skip("a.jsonl", "invalid_json", row=3)))
    assert not tally.sources["a.jsonl"].complete
    tally.sources["a.jsonl"].digest = "abc"
    assert tally.sources["a.jsonl"].complete


def test_a_skip_beside_the_sources_is_of_none_of_them() -> None:
    tally = Tally({"a.jsonl": SourceTally(digest="abc")})
    tally.skip(Skip("notes.pdf", "ignored_file"))
    assert list(tally.sources) == ["a.jsonl"]
    assert tally.sources["a.jsonl"].complete


def test_the_stated_rate_weighs_the_two_methods_by_what_each_alone_found() -> None:
    strings = FalseDiscovery(0.02, 0.05, 10, 0, 3)

    def match(row: int, item: str, detector: str, verdict: Verdict = Verdict.CONTAMINATED) -> Match:
        return Match(
            "a.jsonl", row, "text", "b", "test", item, detector, 1.0, verdict, False, (0, 1), (0, 1), "", "", ""
        )

    by_string = [match(0, "1", "minhash"), match(0, "1", "ngram"), match(0, "2", "ngram"), match(4, "1", "ngram")]
    rephrases = {"estimated_false_discovery_rate": 0.1}
    assert stated_rate(strings, None, by_string) == 0.02
    # what strings found as well, and what is only to be reviewed, is no discovery of its own
    also = [*by_string[:3], match(0, "2", "rephrase"), match(2, "7", "rephrase", Verdict.REVIEW), by_string[3]]
    assert stated_rate(strings, rephrases, also) == 0.02
    alone = [*by_string[:3], match(1, "1", "rephrase"), match(4, "5", "rephrase"), by_string[3]]
    assert stated_rate(strings, rephrases, alone) == round((0.02 * 3 + 0.1 * 2) / 5, 4)
    assert stated_rate(replace(strings, estimate=None), rephrases, [match(1, "1", "rephrase")]) == 0.1

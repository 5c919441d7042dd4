"""Asks a judge about the pairs to review: which ones, in what order, with what control, and when to give up.

An answer counts only with a control beside it, the same training text in a pair whose right answer is the opposite: an
answer "same" needs "different" for the record and a text that has nothing to do with it, an answer "different" needs
"same" for the record and itself. A record that talks a judge into one answer gets it there as well, and counts as
unsure.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING

from auditor.errors import InputError
from auditor.judging.budget import RequestBudget
from auditor.judging.cache import AnswerCache
from auditor.judging.client import ChatClient, RequestError
from auditor.judging.outcome import JudgeOutcome, PairAnswer, tally
from auditor.judging.prompt import DIFFERENT, INVALID, SAME, UNSURE, Challenge, Prompt, Reply
from auditor.types import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.judging.budget import Hold
    from auditor.judging.endpoint import JudgeEndpoint
    from auditor.types import Match

Pair = tuple[str, str]
"""A training text and an item's text."""

_MOST_FAILURES, _MOST_FAILURES_AT_FIRST = 5, 2
"""Pairs in a row without an answer after which asking is given up: each has cost all its attempts. Fewer while the
endpoint has never answered."""

STRANGERS = (
    "A gardener waters nine tomato plants at dusk and moves the two that wilted into the shade. Name a herb to add.",
    "Which of the two ferries that leave the harbour before noon stops at the northern island, and what does a bicycle"
    " cost?",
    "Describe how the smell of rain on dry soil comes about, in three sentences for a museum's label.",
    "The choir rehearses in the chapel because the hall's roof is being repaired. Who holds the key to the organ loft?",
    "List the steps to fold a paper boat that floats, and say which fold is most often forgotten.",
)
"""Texts that are the same problem as no item. Which one a record meets follows from the record's hash."""


class Judge:
    """A chat model that is asked whether a record and an item are the same problem.

    Args:
        endpoint: where it is.
        prompt: what it is told; the one of this package by default.
        cache: answers it gave before; in the user's cache directory by default.
        budget: most requests to send in the life of this object, retries and controls included; None for no limit.
        threads: requests at a time.

    Raises:
        InputError: a number is out of its range.
    """

    def __init__(
        self,
        endpoint: JudgeEndpoint,
        prompt: Prompt | None = None,
        cache: AnswerCache | None = None,
        budget: int | None = None,
        threads: int = 4,
    ) -> None:
        if (budget is not None and budget < 0) or not 1 <= threads <= 64:
            raise InputError("a judge's budget is a number of requests, and it has 1 to 64 threads")
        self.endpoint = endpoint
        self.prompt = prompt or Prompt.read()
        self.cache = cache or AnswerCache()
        self._budget = RequestBudget(budget)
        self._threads = threads
        self._stop = threading.Event()
        self._client = ChatClient(endpoint, self._stop)
        self._key_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def ask(
        self,
        matches: Sequence[Match],
        texts: Callable[[Match], Pair] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> JudgeOutcome:
        """The answers for those of the matches that are to review; of the others nothing is sent.

        A record and an item are asked about once, whatever number of detectors saw them, and not at all where one of
        these calls them contaminated. Pairs are asked about in the order of the matches, so that a budget always leaves
        the same ones unasked. KeyboardInterrupt ends it with the answers until then.

        Args:
            matches: of a scan.
            texts: what to send of a match; its excerpts by default.
            progress: called with the pairs done and all pairs.
        """
        chosen = _to_review(matches)
        give = texts or (lambda match: (match.train_excerpt, match.item_excerpt))
        pairs = {key: give(matches[places[0]]) for key, places in chosen.items()}
        run = _Run(self, list(dict.fromkeys(pairs.values())), progress)
        run.go()
        answers: list[PairAnswer | None] = [None] * len(matches)
        for key, places in chosen.items():
            for place in places:
                answers[place] = run.answers.get(pairs[key])
        given = [answer for pair in pairs.values() if (answer := run.answers.get(pair)) is not None]
        counts, because = tally(given)
        asked = sum(pair in run.answers and pair in run.paid for pair in pairs.values())
        budgetless = sum(pair in run.budgetless for pair in pairs.values())
        failed = Counter(run.failed[pair] for pair in pairs.values() if pair in run.failed)
        return JudgeOutcome(
            answers=tuple(answers), endpoint=self.endpoint.url, model=self.endpoint.model,
            prompt_sha256=self.prompt.sha256, pairs=len(pairs), counts=counts, unsure_because=because, asked=asked,
            cached=len(given) - asked, failed=failed, unasked_budget=budgetless,
            unasked_stopped=len(pairs) - len(given) - budgetless - failed.total(), requests=self._budget.sent,
            budget=self._budget.limit, not_kept=self.cache.not_kept, stopped=run.stopped,
            interrupted=run.interrupted,
        )  # fmt: skip

    def requests_needed(self, pair: Pair) -> int:
        """The most requests that a pair takes without failures: 0, 1 or 2."""
        reply = self.cache.get(self._key(pair))
        if reply is None:
            return 2
        control = _control(pair, reply)
        return int(control is not None and self.cache.get(self._key(control)) is None)

    def answer(self, pair: Pair, hold: Hold) -> PairAnswer:
        """The answer to a pair, checked by its control. Raises RequestError."""
        reply = self._reply(pair, hold)
        if reply.answer == INVALID:
            return PairAnswer(UNSURE, unsure_because="invalid_reply")
        control = _control(pair, reply)
        if control is not None and self._reply(control, hold).answer != (DIFFERENT if reply.answer == SAME else SAME):
            return PairAnswer(UNSURE, unsure_because="control_failed")
        return PairAnswer(reply.answer, reply.probability)

    def start(self) -> None:
        """Let requests go out again, after a run that was stopped."""
        self._stop.clear()

    def stop(self) -> None:
        """Send nothing more, and wake those who wait."""
        self._stop.set()

    @property
    def threads(self) -> int:
        """Requests at a time."""
        return self._threads

    @property
    def budget(self) -> RequestBudget:
        """What may still be sent."""
        return self._budget

    def _reply(self, pair: Pair, hold: Hold) -> Reply:
        key = self._key(pair)
        with self._lock:
            key_lock = self._key_locks[key]
        # two pairs may have one control: the second waits for the answer that the first pays for
        with key_lock:
            known = self.cache.get(key)
            if known is None:
                challenge = Challenge.draw(*pair)
                content = self._client.ask(self.prompt.messages(*pair, challenge), challenge, hold)
                known = challenge.read(content)
                self.cache.put(key, known)
            return known

    def _key(self, pair: Pair) -> str:
        return self.cache.key(self.endpoint.url, self.endpoint.model, self.prompt.sha256, *pair)


class _Run:
    """One round of asking: pairs go to threads in order, and their answers come back in any."""

    def __init__(self, judge: Judge, pairs: list[Pair], progress: Callable[[int, int], None] | None) -> None:
        self.answers: dict[Pair, PairAnswer] = {}
        self.paid: set[Pair] = set()
        """Pairs for which requests were sent."""
        self.failed: dict[Pair, str] = {}
        self.budgetless: set[Pair] = set()
        self.stopped = ""
        self.interrupted = False
        self._judge = judge
        self._total = len(pairs)
        self._waiting = deque(pairs)
        self._progress = progress
        self._tasks: queue.SimpleQueue[tuple[Pair, Hold] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Pair, Hold, PairAnswer | BaseException]] = queue.SimpleQueue()
        self._running = 0
        self._failures = 0
        self._proven = False
        """Whether a request was answered: until then one goes out at a time, and a wrong address costs one."""

    def go(self) -> None:
        """Ask about all of them."""
        self._judge.start()
        # daemons: a request in flight must not keep an interrupted command from ending
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._judge.threads)]
        for worker in workers:
            worker.start()
        try:
            self._report()
            while self._submit():
                self._take(*self._done.get())
        except KeyboardInterrupt:
            self.interrupted = True
            self._judge.stop()
            while not self._done.empty():
                self._take(*self._done.get())
        finally:
            for _ in workers:
                self._tasks.put(None)
        if not self.interrupted:
            for worker in workers:
                worker.join()

    def _submit(self) -> bool:
        """Give out what may be given out now; False where nothing runs or waits."""
        while self._waiting and self._running < (self._judge.threads if self._proven else 1):
            needed = self._judge.requests_needed(self._waiting[0])
            if self.stopped and needed:
                self._waiting.popleft()
                continue
            hold = self._judge.budget.hold(needed)
            if hold is not None:
                self._tasks.put((self._waiting.popleft(), hold))
                self._running += 1
            elif self._running:
                break  # those that run may give some of theirs back
            else:
                self.budgetless.add(self._waiting.popleft())
        return self._running > 0

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            pair, hold = task
            try:
                self._done.put((pair, hold, self._judge.answer(pair, hold)))
            except BaseException as error:  # told to the thread that asks
                self._done.put((pair, hold, error))

    def _take(self, pair: Pair, hold: Hold, result: PairAnswer | BaseException) -> None:
        self._running -= 1
        hold.close()
        if hold.spent:
            self.paid.add(pair)
        if isinstance(result, PairAnswer):
            self.answers[pair] = result
            if hold.spent:
                self._proven = True
                self._failures = 0
        elif not isinstance(result, RequestError):
            self._judge.stop()
            raise result
        elif result.reason == "budget":
            self.budgetless.add(pair)
        elif result.reason != "stopped":
            self.failed[pair] = result.reason
            self._failures += 1
            most = _MOST_FAILURES if self._proven else _MOST_FAILURES_AT_FIRST
            if result.fatal or self._failures >= most:
                why = f"{most} pairs in a row had no answer (the last: {result.reason.replace('_', ' ')})"
                self.stopped = self.stopped or result.fatal or why
                self._judge.stop()
        self._report()

    def _report(self) -> None:
        if self._progress:
            self._progress(len(self.answers) + len(self.failed) + len(self.budgetless), self._total)


def _to_review(matches: Sequence[Match]) -> dict[tuple[str, int, str, str, str], list[int]]:
    """For each record and item that no match calls contaminated, its matches, the one to ask about first."""
    groups: dict[tuple[str, int, str, str, str], list[int]] = defaultdict(list)
    for place, match in enumerate(matches):
        groups[match.source, match.row, match.benchmark, match.split, match.item_id].append(place)
    return {
        key: sorted(places, key=lambda place: -matches[place].score)
        for key, places in groups.items()
        if all(matches[place].verdict is Verdict.REVIEW for place in places)
    }


def _control(pair: Pair, reply: Reply) -> Pair | None:
    """The pair with the opposite answer that the reply has to be right about, too."""
    train = pair[0]
    if reply.answer == DIFFERENT:
        return train, train
    if reply.answer == SAME:
        digest = hashlib.sha256(train.encode("utf-8", "surrogatepass")).digest()
        return train, STRANGERS[digest[0] % len(STRANGERS)]
    return None

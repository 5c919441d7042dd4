"""An optional judge: a chat model that is asked about pairs to review, and recorded beside our verdict, never over it.

Asking sends text of the training set and of the benchmark to the endpoint, so nothing here runs unless it is asked for.
"""

from auditor.judging.cache import AnswerCache
from auditor.judging.endpoint import JudgeEndpoint
from auditor.judging.judge import Judge
from auditor.judging.outcome import JudgeOutcome, PairAnswer, with_judge
from auditor.judging.prompt import Prompt
from auditor.judging.texts import with_whole_items

__all__ = [
    "AnswerCache",
    "Judge",
    "JudgeEndpoint",
    "JudgeOutcome",
    "PairAnswer",
    "Prompt",
    "with_judge",
    "with_whole_items",
]

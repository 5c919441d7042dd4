"""How many requests may be sent, kept across threads: none goes out beyond the budget, retries included."""

from __future__ import annotations

import threading


class RequestBudget:
    """A number of requests, or no limit.

    A pair holds what its answer may take before it is asked, so that which pairs are asked does not depend on which
    thread is faster; what it did not need goes back.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.sent = 0
        self._held = 0
        self._lock = threading.Lock()

    def hold(self, requests: int) -> Hold | None:
        """Set `requests` aside; None where that many are not left."""
        with self._lock:
            if self.limit is not None and self.sent + self._held + requests > self.limit:
                return None
            self._held += requests
        return Hold(self, requests)

    def spend(self, held: bool) -> bool:
        """Count one request, of those held or of the rest; False where none is left."""
        with self._lock:
            if held:
                self._held -= 1
            elif self.limit is not None and self.sent + self._held >= self.limit:
                return False
            self.sent += 1
            return True

    def give_back(self, requests: int) -> None:
        """Return what was held and not spent."""
        with self._lock:
            self._held -= requests


class Hold:
    """Requests set aside for one pair; used by one thread."""

    def __init__(self, budget: RequestBudget, requests: int) -> None:
        self.left = requests
        self.spent = 0
        self._budget = budget

    def spend(self) -> bool:
        """Count one request that is about to be sent; False where the budget has no more."""
        held = self.left > 0
        if not self._budget.spend(held):
            return False
        self.left -= held
        self.spent += 1
        return True

    def close(self) -> None:
        """Give back what is left."""
        self._budget.give_back(self.left)
        self.left = 0

"""A chat endpoint for each test that wants one, and no key of the machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from judging.chat_server import ChatServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    for name in ("AUDITOR_JUDGE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with serving(ChatServer()) as server:
        yield server

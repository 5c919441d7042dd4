"""An address is made whole or refused, and no credential shows."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.errors import InputError
from auditor.judging import JudgeEndpoint


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1/chat/completions"),
        ("https://api.example.com/v1/", "https://api.example.com/v1/chat/completions"),
        ("http://LOCALHOST:8000", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/api/v3/chat/completions", "http://localhost:8000/api/v3/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_an_address_is_made_whole(given: str, whole: str) -> None:
    assert JudgeEndpoint(given, "m").url == whole


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://host/v1", "host/v1", "", "http://", "http:///v1", "http://host:port/v1",
        "http://[::1/v1", "http://user:sesame@host/v1", "http://sesame@host/v1", "http://host/v1?key=sesame",
        "http://host/v1#sesame", "http://ho st/v1", "http://hóst/v1",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(InputError, match="judge's URL") as caught:
        JudgeEndpoint(url, "m")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ""},
        {"model": "a\nb"},
        {"model": "x" * 201},
        {"attempts": 0},
        {"timeout_seconds": 0},
        {"api_key": "s é"},
    ],
)
def test_values_that_cannot_be_used(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        JudgeEndpoint(**{"url": "http://localhost/v1", "model": "m", **changes})
    assert "s é" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "environ", "key"),
    [
        ("https://h/v1", {"AUDITOR_JUDGE_API_KEY": " ours\n", "OPENAI_API_KEY": "general"}, "ours"),
        ("https://h/v1", {"OPENAI_API_KEY": "general"}, "general"),
        ("http://127.0.0.1/v1", {"OPENAI_API_KEY": "general"}, "general"),
        ("http://judge.localhost/v1", {"OPENAI_API_KEY": "general"}, "general"),
        ("http://h/v1", {"OPENAI_API_KEY": "general"}, ""),
        ("http://10.0.0.1/v1", {"OPENAI_API_KEY": "general"}, ""),
        ("http://h/v1", {"AUDITOR_JUDGE_API_KEY": "ours", "OPENAI_API_KEY": "general"}, "ours"),
        ("https://h/v1", {}, ""),
    ],
)
def test_which_key_goes_where(url: str, environ: dict[str, str], key: str) -> None:
    endpoint = JudgeEndpoint.from_environment(url, "m", environ)
    assert endpoint.api_key == key
    assert not key or key not in repr(endpoint)

"""Nothing that opens a door is shown."""

from __future__ import annotations

import pytest

from auditor.scanning import reproducible
from auditor.sources.redaction import redacted, shown_argument

SIGNED = "https://alice:pass%21word@host/a/{x,y}.jsonl?X-Amz-Credential=AKIA1234&X-Amz-Signature=deadbeef"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (SIGNED, "https://host/a/{x,y}.jsonl?…"),
        (f"bench={SIGNED}", "bench=https://host/a/{x,y}.jsonl?…"),
        (f"--benchmark={SIGNED}", "--benchmark=https://host/a/{x,y}.jsonl?…"),
        ("s3://key:secret@bucket/dir/*.gz", "s3://bucket/dir/*.gz"),
        ("/data/a@b?c.jsonl", "/data/a@b?c.jsonl"),
        ("--set", "--set"),
    ],
)
def test_words_of_a_command(word: str, shown: str) -> None:
    assert shown_argument(word).startswith(shown)
    assert len(shown_argument(word)) in (len(shown), len(shown) + 8)
    (kept,) = reproducible([word])
    for secret in ("alice", "pass", "AKIA1234", "deadbeef", "key:", "secret@"):
        assert secret not in kept


@pytest.mark.parametrize(
    "message",
    [
        f"cannot connect to {SIGNED}",
        f"403, url='{SIGNED}'",
        "401 for pass%21word and for pass!word",
        "signature deadbeef does not match",
        "redirected to https://bob:hunter2@other/b?sig=deadbeef, and <https://cdn/x?token=AKIA1234>",
    ],
)
def test_messages_about_a_url(message: str) -> None:
    shown = redacted(message, SIGNED)
    for secret in ("alice", "pass%21word", "pass!word", "AKIA1234", "deadbeef", "hunter2"):
        assert secret not in shown
    assert shown.split()[0] == message.split(maxsplit=1)[0]


def test_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE")
    monkeypatch.setenv("DB_PASSWORD", "short")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json")
    text = "token FwoGZXIvYXdzEXAMPLE, short, /home/me/key.json"
    assert redacted(text) == "token …, short, /home/me/key.json"

"""``examine``: the doctor, sent to a site."""

from __future__ import annotations

import json

import pytest

from flask_llmstream import LLMStream


class Examined:
    """The doctor's exit status and findings."""

    def __init__(self, result):
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        self.exit_status = result.exit_code
        self.findings = json.loads(result.output)["findings"]

    def __getitem__(self, check):
        """The one finding of a check."""
        (finding,) = [finding for finding in self.findings if finding["check"] == check]
        return finding

    def levels(self):
        return {finding["check"]: finding["level"] for finding in self.findings}


@pytest.fixture
def examine(make_app, monkeypatch):
    """Send the doctor to a URL, with this app's token."""
    monkeypatch.delenv("LLMSTREAM_DOCTOR_TOKEN", raising=False)

    def examine(url, *arguments, extension=None, **config):
        app = make_app(extension or LLMStream(providers={}), **config)
        call = ["llmstream", "doctor", "--json", "--url", url, *arguments]
        return Examined(app.test_cli_runner().invoke(args=call))

    return examine

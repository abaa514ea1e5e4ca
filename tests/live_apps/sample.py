"""The sample application, whose answers show after 0.1 s that they wait, and not after 2 s."""

from flask import Flask

Flask.default_config = {**Flask.default_config, "LLMSTREAM_CHAT_HOLD": 0.1}  # type: ignore

from sample_app import app  # noqa: E402

__all__ = ["app"]

"""Every ``LLMSTREAM_*`` key: its default, its check, and the error that names a wrong one."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath
from typing import Any, Dict, get_type_hints

import pytest
from flask import Flask

from flask_llmstream import LLMStream
from flask_llmstream.app.config import Settings, read_config
from flask_llmstream.errors import ConfigurationError
from flask_llmstream.keywords import BlueprintSettings, ResponseOptions
from flask_llmstream.stream.options import StreamOptions

SETTINGS = {
    "LLMSTREAM_URL_PREFIX": None,
    "LLMSTREAM_ALLOWED_ORIGINS": frozenset(),
    "LLMSTREAM_MAX_STREAMS": 1000,
    "LLMSTREAM_MAX_STREAMS_PER_CLIENT": 0,
    "LLMSTREAM_CLIENT_KEY": None,
    "LLMSTREAM_MAX_BODY_BYTES": 1_048_576,
    "LLMSTREAM_MAX_PROMPT_CHARS": 100_000,
    "LLMSTREAM_MAX_TOKENS": 0,
    "LLMSTREAM_UNKNOWN_FIELDS": "forward",
    "LLMSTREAM_OPENAPI": True,
    "LLMSTREAM_DOCS": False,
    "LLMSTREAM_CHAT_HOLD": 2,
    "LLMSTREAM_OWNER": None,
    "LLMSTREAM_REPLAY_URL": "memory://",
    "LLMSTREAM_REPLAY_PREFIX": "llmstream",
    "LLMSTREAM_REPLAY_MAX_STREAMS": 1000,
    "LLMSTREAM_REPLAY_MAX_EVENTS": 10_000,
    "LLMSTREAM_REPLAY_MAX_BYTES": 1_048_576,
    "LLMSTREAM_REPLAY_EXPIRES": 3600,
    "LLMSTREAM_LIVENESS": True,
    "LLMSTREAM_EARLY_START": False,
    "LLMSTREAM_DOCTOR_TOKEN": None,
}
OPTIONS = {
    f"LLMSTREAM_{name.upper()}": default
    for name, default in dataclasses.asdict(StreamOptions()).items()
}


def test_an_app_that_says_nothing_has_the_defaults() -> None:
    assert read_config({}) == (Settings(), StreamOptions())


def test_the_defaults_can_be_read_in_the_config() -> None:
    config: Dict[str, Any] = {}
    read_config(config)
    assert config == {**SETTINGS, **OPTIONS}


def test_each_setting_is_explained() -> None:
    names = [field.name for field in dataclasses.fields(Settings)]
    assert all(f":param {name}:" in str(Settings.__doc__) for name in names)


def test_what_a_blueprint_may_have_of_its_own_is_of_the_same_type() -> None:
    own = BlueprintSettings.__annotations__.keys() - ResponseOptions.__annotations__.keys()
    known, settings = get_type_hints(BlueprintSettings), get_type_hints(Settings)
    assert {name: known[name] for name in own} == {name: settings[name] for name in own}


def test_what_the_app_says_holds() -> None:
    config = {"LLMSTREAM_MAX_STREAMS": 5, "LLMSTREAM_HEARTBEAT": 7, "LLMSTREAM_URL_PREFIX": "/v1"}
    said = dict(config)
    settings, options = read_config(config)
    assert settings == Settings(max_streams=5, url_prefix="/v1")
    assert options == StreamOptions(heartbeat=7)
    assert {key: config[key] for key in said} == said


@pytest.mark.parametrize(
    "key, value",
    [
        ("LLMSTREAM_REPLAY_URL", "ftp://user:secret@host"),
        ("LLMSTREAM_REPLAY_URL", "redis://host?no_such_setting=1"),
        ("LLMSTREAM_REPLAY_URL", "redis+sentinel://host"),
        ("LLMSTREAM_REPLAY_URL", 7),
        ("LLMSTREAM_REPLAY_PREFIX", "a{b}"),
    ],
)
def test_a_storage_that_can_t_be_used_is_told_by_its_key(key: str, value: Any) -> None:
    app = Flask("a_site")
    app.config.update({"LLMSTREAM_REPLAY_URL": "redis://host", key: value})
    with pytest.raises(ConfigurationError, match=f"^{key}: ") as refused:
        LLMStream(app)
    assert "secret" not in str(refused.value)


def test_another_app_s_config_is_its_own() -> None:
    read_config({"LLMSTREAM_HEARTBEAT": 7})
    assert read_config({}) == (Settings(), StreamOptions())


def test_the_keys_of_others_are_theirs() -> None:
    config = {"SECRET_KEY": "secret", "LLM_BASE_URL": 7, "llmstream_heartbeat": -1}
    assert read_config(dict(config)) == (Settings(), StreamOptions())


@pytest.mark.parametrize(
    "key, value",
    [
        ("LLMSTREAM_URL_PREFIX", "/"),
        ("LLMSTREAM_URL_PREFIX", None),
        ("LLMSTREAM_ALLOWED_ORIGINS", {"https://app.example.org"}),
        ("LLMSTREAM_MAX_STREAMS", 0),
        ("LLMSTREAM_MAX_STREAMS_PER_CLIENT", 3),
        ("LLMSTREAM_CLIENT_KEY", str),
        ("LLMSTREAM_MAX_BODY_BYTES", 1),
        ("LLMSTREAM_MAX_PROMPT_CHARS", 1),
        ("LLMSTREAM_MAX_TOKENS", 0),
        ("LLMSTREAM_UNKNOWN_FIELDS", "ignore"),
        ("LLMSTREAM_UNKNOWN_FIELDS", "refuse"),
        ("LLMSTREAM_OPENAPI", False),
        ("LLMSTREAM_OPENAPI", {"info": {"title": "Our chat"}}),
        ("LLMSTREAM_DOCS", True),
        ("LLMSTREAM_CHAT_HOLD", 0),
        ("LLMSTREAM_CHAT_HOLD", 0.5),
        ("LLMSTREAM_LIVENESS", False),
    ],
)
def test_what_works_is_taken(key: str, value: Any) -> None:
    settings, _ = read_config({key: value})
    assert dataclasses.asdict(settings)[key[len("LLMSTREAM_") :].lower()] == value


@pytest.mark.parametrize(
    "key, value",
    [
        ("LLMSTREAM_URL_PREFIX", "v1"),
        ("LLMSTREAM_URL_PREFIX", ""),
        ("LLMSTREAM_URL_PREFIX", 1),
        ("LLMSTREAM_URL_PREFIX", PurePosixPath("/v1")),
        ("LLMSTREAM_URL_PREFIX", False),
        ("LLMSTREAM_ALLOWED_ORIGINS", "https://app.example.org"),
        ("LLMSTREAM_ALLOWED_ORIGINS", ["https://app.example.org/"]),
        ("LLMSTREAM_MAX_STREAMS", -1),
        ("LLMSTREAM_MAX_STREAMS", "1000"),
        ("LLMSTREAM_MAX_STREAMS", None),
        ("LLMSTREAM_MAX_STREAMS_PER_CLIENT", -1),
        ("LLMSTREAM_CLIENT_KEY", "remote_addr"),
        ("LLMSTREAM_MAX_BODY_BYTES", 0),
        ("LLMSTREAM_MAX_BODY_BYTES", 1.5),
        ("LLMSTREAM_MAX_PROMPT_CHARS", 0),
        ("LLMSTREAM_MAX_PROMPT_CHARS", True),
        ("LLMSTREAM_MAX_TOKENS", -1),
        ("LLMSTREAM_MAX_TOKENS", 1.5),
        ("LLMSTREAM_MAX_TOKENS", None),
        ("LLMSTREAM_UNKNOWN_FIELDS", "allow"),
        ("LLMSTREAM_UNKNOWN_FIELDS", None),
        ("LLMSTREAM_OPENAPI", None),
        ("LLMSTREAM_OPENAPI", "openapi.json"),
        ("LLMSTREAM_OPENAPI", []),
        ("LLMSTREAM_DOCS", None),
        ("LLMSTREAM_DOCS", "/docs"),
        ("LLMSTREAM_CHAT_HOLD", -1),
        ("LLMSTREAM_CHAT_HOLD", "2"),
        ("LLMSTREAM_LIVENESS", "no"),
        ("LLMSTREAM_LIVENESS", 0),
        ("LLMSTREAM_LIVENESS", None),
        ("LLMSTREAM_EARLY_START", "no"),
        ("LLMSTREAM_FORMAT", "mesage"),
        ("LLMSTREAM_EVENT", "a\nb"),
        ("LLMSTREAM_HEARTBEAT", "15"),
        ("LLMSTREAM_BUFFER", -1),
        ("LLMSTREAM_OVERFLOW", "bloc"),
        ("LLMSTREAM_RECONNECT", "never"),
    ],
)
def test_what_can_t_work_is_refused_by_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key}: "):
        read_config({key: value})


@pytest.mark.parametrize("key", ["LLMSTREAM_HARTBEAT", "LLMSTREAM_", "LLMSTREAM_heartbeat"])
def test_a_key_that_does_not_exist_is_told_which_there_are(key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key}: there is no such key") as refused:
        read_config({key: 7})
    named = re.findall("LLMSTREAM_[A-Z_]+", str(refused.value).partition(":")[2])
    assert set(named) == {*SETTINGS, *OPTIONS}


def test_a_key_that_is_misspelt_is_told_which_was_meant() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'LLMSTREAM_HEARTBEAT'?"):
        read_config({"LLMSTREAM_HARTBEAT": 7})


@pytest.mark.parametrize("key", ["LLMSTREAM_GUARD", "LLMSTREAM_PROVIDERS", "LLMSTREAM_"])
def test_what_all_keys_begin_with_makes_none_of_them_the_one_that_was_meant(key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_config({key: 7})
    assert "did you mean" not in str(refused.value)


def test_a_refused_config_is_left_as_it_was_said() -> None:
    config = {"LLMSTREAM_HARTBEAT": 7}
    with pytest.raises(ConfigurationError):
        read_config(config)
    assert config == {"LLMSTREAM_HARTBEAT": 7}

"""A setting that can't work is refused at once, and no text ever shows the key."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flask_llmstream import providers
from flask_llmstream.errors import ConfigurationError
from flask_llmstream.providers import OpenAICompatible

URL = "http://127.0.0.1:9/v1"
KEY = "sk-very-secret-key"


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "127.0.0.1:8000/v1",
        "ftp://127.0.0.1/v1",
        "http://",
        "http:///v1",
        "http://127.0.0.1:0/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1/v1?version=1#part",
        "http://127.0.0.1/v1?version=1 2",
        "http://127.0.0.1/v1/chat/completions?version=1",
        "http://127.0.0.1/v1#part",
        "http://127.0.0.1/v1\n",
        "http://127.0.0.1/v1/chat/completions",
    ],
)
def test_a_base_url_that_cannot_work_is_refused(url):
    with pytest.raises(ConfigurationError, match="base_url"):
        OpenAICompatible(url)


def test_a_base_url_that_is_missing_is_told_so():
    with pytest.raises(ConfigurationError, match="^base_url: .* is wanted, not None$"):
        OpenAICompatible(None)


@pytest.mark.parametrize("name", ["options", "headers", "params"])
@pytest.mark.parametrize("value", ["seed: 7", ["seed"], 7])
def test_what_is_no_mapping_is_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name}: has to be a mapping, not "):
        OpenAICompatible(URL, **{name: value})


def test_a_base_url_with_a_password_is_refused_without_showing_it():
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        OpenAICompatible(f"http://me:{KEY}@127.0.0.1/v1")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("params", [{1: "x"}, {"x": None}, {"x": ["y"]}, {None: "x"}])
def test_params_that_cannot_be_sent_are_refused(params):
    with pytest.raises(ConfigurationError, match="^params: "):
        OpenAICompatible(URL, params=params)


@pytest.mark.parametrize("url", [f"ftp://127.0.0.1/?key={KEY}", f"http://127.0.0.1/?key={KEY}#x"])
def test_a_base_url_with_a_key_in_its_query_is_refused_without_showing_it(url):
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        OpenAICompatible(url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost/v1", "https://[::1]:8000", "http://127.0.0.1/"])
def test_a_base_url_needs_no_more_than_a_host(url):
    assert OpenAICompatible(url).base_url == url.rstrip("/")


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, object()])
def test_an_option_that_cannot_be_sent_is_refused(value):
    with pytest.raises(ConfigurationError, match="^options: "):
        OpenAICompatible(URL, options={"temperature": value})


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout"])
@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), "5", None])
def test_a_timeout_that_cannot_work_is_refused(name, seconds):
    with pytest.raises(ConfigurationError, match=name):
        OpenAICompatible(URL, **{name: seconds})


@pytest.mark.parametrize("name, value", [("retries", -1), ("retry_within", float("nan"))])
def test_retries_that_cannot_work_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        OpenAICompatible(URL, **{name: value})


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nHost: x", f" {KEY}", f"{KEY}é", 7])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key):
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        OpenAICompatible(URL, key)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("headers", [{"X-A": "b\nc"}, {"X-A": None}, {"X A": "b"}, {"": "b"}])
def test_a_header_that_cannot_be_sent_is_refused(headers):
    with pytest.raises(ConfigurationError):
        OpenAICompatible(URL, headers=headers)


def test_an_unknown_place_for_prompts_is_refused():
    with pytest.raises(ConfigurationError, match="prompts"):
        OpenAICompatible(URL, prompts="assistant")


def test_certificates_that_are_not_there_are_refused():
    with pytest.raises(ConfigurationError, match="ca_bundle"):
        OpenAICompatible(URL, ca_bundle="/no/such/file.pem")


def test_the_key_is_in_no_text_of_the_provider():
    provider = OpenAICompatible(URL, KEY, model="m", headers={"X-Token": KEY})
    assert repr(provider) == f"OpenAICompatible('{URL}', model='m')"
    assert KEY not in str(provider)
    in_query = OpenAICompatible(f"{URL}?key={KEY}")
    assert (repr(in_query), in_query.base_url) == (f"OpenAICompatible('{URL}', model=None)", URL)


def test_the_providers_are_listed():
    assert {"OpenAICompatible", "CallableProvider", "Counter"} <= set(dir(providers))
    assert not hasattr(providers, "NoSuchProvider")


@pytest.mark.parametrize("package", ["flask_llmstream", "flask_llmstream.providers"])
def test_requests_is_imported_by_whoever_asks_for_it(package):
    lines = [
        f"import sys, {package} as package",
        "assert 'requests' not in sys.modules and 'urllib3' not in sys.modules",
        "package.OpenAICompatible",
        "assert 'requests' in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)

"""Requests from pages of other sites, and the origins of a setting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flask_llmstream import ConfigurationError
from flask_llmstream.app.origins import checked_origins, is_allowed, is_cross_site, normal_origin

HOST = "chat.example.org"


# The headers of a browser.


@pytest.mark.parametrize("origin", [None, f"https://{HOST}", "https://elsewhere.example", "null"])
@pytest.mark.parametrize(
    "site, crosses",
    [("cross-site", True), ("same-site", True), ("same-origin", False), ("none", False)],
)
def test_where_a_browser_says_it_that_is_so(site, crosses, origin):
    assert is_cross_site(site, origin, HOST) is crosses


@pytest.mark.parametrize("site", ["", "same-origin, cross-site", "SAME-ORIGIN", "new word"])
def test_a_word_that_no_browser_says_lets_nobody_in(site):
    assert is_cross_site(site, "https://elsewhere.example", HOST)


@pytest.mark.parametrize("site", [None, ""])
@pytest.mark.parametrize("origin", [None, ""])
def test_who_says_nothing_is_no_page(site, origin):
    assert not is_cross_site(site, origin, HOST)


@pytest.mark.parametrize(
    "origin, host",
    [
        ("http://chat.example.org", "chat.example.org"),
        ("https://chat.example.org", "chat.example.org"),  # TLS ends at a proxy
        ("https://chat.example.org", "chat.example.org:443"),
        ("http://chat.example.org:80", "chat.example.org"),
        ("http://chat.example.org:8080", "chat.example.org:8080"),
        ("HTTPS://Chat.Example.ORG", "chat.example.org"),
        ("https://chat.example.org", "CHAT.example.org"),
        ("http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("http://[::1]:5000", "[::1]:5000"),
        ("https://[2001:DB8::1]", "[2001:db8::1]:443"),
        ("http://under_score:5000", "under_score:5000"),
    ],
)
def test_an_origin_of_the_same_host_and_port_is_this_site_s(origin, host):
    assert not is_cross_site(None, origin, host)


@pytest.mark.parametrize(
    "origin, host",
    [
        ("null", "chat.example.org"),
        ("null", ""),
        ("https://evil.example", "chat.example.org"),
        ("https://evil.example", ""),
        ("https://", ""),
        ("://", ""),
        ("https://sub.chat.example.org", "chat.example.org"),
        ("https://chat.example.org.evil.example", "chat.example.org"),
        ("https://evil-chat.example.org", "chat.example.org"),
        ("https://chat.example.org@evil.example", "chat.example.org"),
        ("https://evil.example/chat.example.org", "chat.example.org"),
        ("https://chat.example.org https://evil.example", "chat.example.org"),
        ("http://localhost:3000", "localhost:5000"),
        ("http://localhost:5000", "127.0.0.1:5000"),
        ("http://chat.example.org:443", "chat.example.org"),
        ("http://chat.example.org", "chat.example.org:443"),
        ("http://[::1]:3000", "[::1]:5000"),
        ("file://", "chat.example.org"),
        ("chat.example.org", "chat.example.org"),
    ],
)
def test_any_other_origin_crosses(origin, host):
    assert is_cross_site(None, origin, host)


@given(some.text(), some.text())
def test_whatever_it_is_made_of_nothing_is_raised(origin, host):
    is_cross_site(None, origin, host)
    assert not is_allowed(origin, frozenset())


# The setting.


@pytest.mark.parametrize(
    "written, read",
    [
        ("https://app.example.org", "https://app.example.org"),
        ("HTTPS://App.Example.org", "https://app.example.org"),
        ("https://app.example.org:443", "https://app.example.org"),
        ("http://app.example.org:80", "http://app.example.org"),
        ("https://app.example.org:80", "https://app.example.org:80"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(written, read):
    assert checked_origins("origins", [written]) == {read}
    assert normal_origin(read) == read


@pytest.mark.parametrize("value", [None, [], (), set(), frozenset()])
def test_nobody_may_be_allowed(value):
    assert checked_origins("origins", value) == frozenset()


def test_what_was_checked_is_checked_again_to_the_same():
    once = checked_origins("origins", ["HTTPS://a.example", "http://b.example:80"])
    assert checked_origins("origins", once) == once


def test_the_star_allows_any_origin_even_none():
    allowed = checked_origins("origins", ["*"])
    assert all(is_allowed(origin, allowed) for origin in ("https://a.example", "null", "", None))


def test_the_scheme_and_the_port_are_of_the_origin_that_is_allowed():
    allowed = checked_origins("origins", ["https://a.example"])
    assert is_allowed("https://a.example", allowed)
    assert is_allowed("https://A.example:443", allowed)
    for other in ("http://a.example", "https://a.example:8443", "https://sub.a.example", "null"):
        assert not is_allowed(other, allowed)


@pytest.mark.parametrize(
    "value, cure",
    [
        ("https://a.example", "has to be a list"),
        ("*", "has to be a list"),
        ("", "has to be a list"),
        (b"https://a.example", "has to be a list"),
        ({"https://a.example": True}, "has to be a list"),
        (re.compile("https://.*"), "has to be a list"),
        (True, "has to be a list"),
        ([None], "None is no origin"),
        ([7], "7 is no origin"),
        ([b"https://a.example"], "is no origin"),
        ([re.compile("https://.*")], "is no origin"),
        ([["https://a.example"]], "is no origin"),
        ([""], "is no origin"),
        (["a.example"], "scheme://host"),
        (["//a.example"], "scheme://host"),
        (["https://"], "scheme://host"),
        (["https://a.example/"], "a slash at its end"),
        (["https://a.example/page"], "without a path"),
        (["https://a.example?"], "is no origin"),
        (["https://*.a.example"], "or a wildcard"),
        ([r"https://.*\.a\.example"], "is no origin"),
        (["https://user@a.example"], "is no origin"),
        (["https://a.example:"], "is no origin"),
        (["https://a.example:port"], "is no origin"),
        (["https://a.example:65536"], "is no origin"),
        (["https://a.example "], "is no origin"),
        (["https://a.example\n"], "is no origin"),
        (["https://bücher.example"], "is no origin"),
        (["https://a.example, https://b.example"], "is no origin"),
        (["null"], "in a sandbox"),
        (["*", "https://a.example"], "has to stand alone"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_can_be_no_origin_is_refused_with_its_cure(value, cure):
    with pytest.raises(ConfigurationError, match="^origins: ") as raised:
        checked_origins("origins", value)
    assert cure in str(raised.value)

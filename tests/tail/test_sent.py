"""What the options send."""

from __future__ import annotations

import io
import json

import pytest

from flask_llmstream.tail.request import (
    BadArgument,
    Body,
    body_of,
    checked_url,
    headers_of,
    without_login,
)


def test_without_options_there_is_no_body():
    assert body_of((), None, None) is None


def test_a_prompt_is_json():
    body = body_of((), None, "What's \u201cup\u201d?\n")
    assert json.loads(body.data) == {"prompt": "What's \u201cup\u201d?\n"}
    assert body.content_type == "application/json"


def test_json_is_sent_as_it_is():
    assert body_of((), '{"a":  "\u00e9"}', None).data == '{"a":  "\u00e9"}'.encode()


def test_bytes_of_the_command_line_that_are_no_utf_8_are_sent_as_they_are():
    assert body_of(("a=\udcff",), None, None).data == b"a=\xff"


def test_data_is_a_form_and_its_parts_are_joined():
    body = body_of(("a=1", "b=2"), None, None)
    assert body == Body(b"a=1&b=2", "application/x-www-form-urlencoded")


def test_a_file_of_data_loses_its_line_breaks_as_with_curl(tmp_path):
    (tmp_path / "form").write_bytes(b"a=1\r\n&b=2\n")
    assert body_of((f"@{tmp_path}/form",), None, None).data == b"a=1&b=2"


def test_a_file_of_json_is_sent_as_it_is(tmp_path):
    (tmp_path / "body").write_bytes(b'{\n"a": 1}\n')
    assert body_of((), f"@{tmp_path}/body", None).data == b'{\n"a": 1}\n'


def test_a_body_may_come_from_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n')))
    assert body_of((), "@-", None).data == b'{"a": 1}\n'


def test_a_stdin_that_is_closed_is_no_empty_body(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(BadArgument, match="stdin is closed") as refused:
        body_of(("@-",), None, None)
    assert refused.value.option == "--data"


def test_a_stdin_that_can_t_be_read_is_told(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as unreadable:
        monkeypatch.setattr("sys.stdin", unreadable)
        with pytest.raises(BadArgument, match="'-' can't be read"):
            body_of((), "@-", None)


@pytest.mark.parametrize(
    "arguments", [(("a",), "{}", None), ((), "{}", ""), (("a",), None, ""), (("",), "", "")]
)
def test_there_is_one_kind_of_body(arguments):
    with pytest.raises(BadArgument, match="give one of --data, --json and --prompt"):
        body_of(*arguments)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadArgument, match="nothing' can't be read: No such file") as refused:
        body_of((), f"@{tmp_path}/nothing", None)
    assert refused.value.option == "--json"


def test_headers_are_read():
    assert headers_of(["X-User: ada ", "Accept:*/*"], None) == {"X-User": "ada", "Accept": "*/*"}


def test_a_body_brings_its_type():
    assert headers_of([], Body(b"", "application/json")) == {"Content-Type": "application/json"}


def test_a_type_of_the_user_s_stays():
    assert headers_of(["content-type: a/b"], Body(b"", "x/y")) == {"content-type": "a/b"}


def test_headers_may_come_from_a_file(tmp_path):
    (tmp_path / "headers").write_text("A: 1\n\nB: 2\n", encoding="utf-8")
    assert headers_of([f"@{tmp_path}/headers", "C: 3"], None) == {"A": "1", "B": "2", "C": "3"}


@pytest.mark.parametrize(
    "lines, complaint",
    [
        (["Cookie"], "'Cookie' has no colon; write 'Name: value'"),
        ([": 1"], "has no colon"),
        (["A: 1", "a: 2"], "a is given twice"),
        (["A: \x1b"], "A has a character that a header can't carry"),
        (["A: \u00e9"], "A has a character"),
        (["A B: 1"], "'A B' is not the name of a header"),
    ],
)
def test_a_header_that_can_t_be_sent_is_named(lines, complaint):
    with pytest.raises(BadArgument, match=complaint) as refused:
        headers_of(lines, None)
    assert refused.value.option == "--header"


@pytest.mark.parametrize("url", ["http://x", "https://[::1]:8/a?b#c", "http://me:secret@x/"])
def test_an_address(url):
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["x.org/a", "ftp://x", "http://", "http:/x", "http://[::1", "http://x:p", "http://a..b", ""],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(BadArgument):
        checked_url(url)


@pytest.mark.parametrize("url", ["ftp://me:secret@x/", "http://me:se@cret@[::1", "//me:secret@x"])
def test_a_complaint_about_an_address_tells_no_password(url):
    with pytest.raises(BadArgument) as refused:
        checked_url(url)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://me:secret@x:8/a@b?c@d#e", "http://x:8/a@b?c@d#e"),
        ("http://x/a@b", "http://x/a@b"),
        ("http://me@[::1]", "http://[::1]"), ("http://x?//me@y", "http://x?//me@y"),
    ],
)  # fmt: skip
def test_an_address_without_its_login(url, shown):
    assert without_login(url) == shown

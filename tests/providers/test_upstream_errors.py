"""An error of a model's server keeps its words, its status and its class in whatever shape it
comes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import ProviderError
from flask_llmstream.exceptions.error_info import error_info_of
from flask_llmstream.providers.upstream.errors import UpstreamErrors

W = "max_tokens is too large"
KEY = 'sk-very/"secret"&key'


def refused(status, body, retry_after=None, secrets=()):
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(ProviderError) as caught:
        UpstreamErrors("http://here", secrets).refuse(status, text, retry_after)
    return caught.value


def told(error):
    """The error of a server that sent one inside its answer."""
    with pytest.raises(ProviderError) as caught:
        UpstreamErrors("http://here", []).refuse_in_band(error)
    return caught.value


SHAPES = [
    {"error": {"message": W, "type": "invalid_request_error", "code": None}},
    {"error": W},
    {"error": W, "error_type": "validation"},
    {"object": "error", "message": W, "type": "BadRequestError", "code": 400},
    {"message": W, "code": 400},
    {"message": {"detail": W}},
    {"msg": W},
    {"detail": W},
    {"detail": {"message": W}},
    {"error": {"message": None, "detail": W}},
    {"error": {"message": "", "error": {"message": W}}},
    {"error": {"error": {"message": W}}},
    {"error": {"message": json.dumps({"error": {"message": W}})}},
    {"error": {"message": None, "type": None, "description": W}},
    {"error": True, "message": W},
    {"errors": [{"message": W}]},
    {"errors": {"x": {"y": W}}},
    {"error_description": W},
    {"fault": {"faultstring": W}},
    {"success": False, "result": None, "errors": [W]},
    [{"error": {"code": 400, "message": W, "status": "INVALID_ARGUMENT"}}],
    [W],
    W,
    f"  {W}\r\n",
    f"<html><head><style>p {{}}</style></head><body><h1>{W}</h1></body></html>",
    "\ufeff" + json.dumps({"error": {"message": W}}),
    json.dumps({"detail": [{"msg": W, "input": "x" * 100}]})[:60],
]


@pytest.mark.parametrize("body", SHAPES)
@pytest.mark.parametrize("status", [400, 413, 415, 422, 451])
def test_the_words_of_a_rejected_request_reach_the_client(status, body):
    error = refused(status, body)
    assert str(error) == f"The model's server rejected the request: {W}"
    assert (error.code, error.status) == ("provider_rejected", 413 if status == 413 else 400)


@pytest.mark.parametrize("body", SHAPES)
def test_other_words_are_for_the_log(body):
    for error in (refused(500, body), told(body)):
        assert W in str(error.__cause__)
    assert W not in str(refused(401, body))


def test_two_messages_are_both_told():
    body = {"error": "Bad Request", "message": W, "path": "/v1/chat/completions"}
    assert str(refused(400, body)).endswith(f"rejected the request: Bad Request: {W}")


def test_the_words_of_another_provider_behind_a_router_are_told():
    raw = json.dumps({"error": {"message": W, "type": "invalid_request_error"}})
    metadata = {"raw": raw, "provider_name": "Somebody"}
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}
    assert str(refused(400, body)).endswith(f": Provider returned error: {W}")


def test_faults_that_fastapi_lists_are_told_with_their_places():
    items = [
        {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": 7},
        {"type": "missing", "loc": ["body", "messages", 0, "role"], "msg": "Field required"},
    ]
    error = refused(422, {"detail": items})
    assert str(error).endswith(": seed: Extra inputs; messages.0.role: Field required")
    assert error.field == "seed"


def test_the_users_own_words_decide_nothing():
    item = {"type": "missing", "loc": ["body"], "msg": "no", "input": {"code": "rate_limit"}}
    assert refused(400, {"detail": [item]}).status == 400


def test_the_log_has_all_that_was_said():
    detail = str(refused(500, {"error": {"message": "no", "trace": "at line 7"}}).__cause__)
    assert detail.startswith("http://here: status 500: no") and "at line 7" in detail


def test_the_servers_code_and_param_reach_the_client_where_the_request_is_at_fault():
    error = {"message": W, "param": "messages", "code": "context_length_exceeded"}
    shown = error_info_of(refused(400, {"error": error}), "id").as_json()
    assert (shown["param"], shown["code"]) == ("messages", "context_length_exceeded")
    hidden = error_info_of(refused(401, {"error": error}), "id").as_json()
    assert (hidden["param"], hidden["code"]) == (None, "provider_key")


CLASSES = {
    (400, "provider_rejected"): [
        "context_length_exceeded", "invalid_request_error", "INVALID_ARGUMENT", "BadRequestError",
        "content_filter", "content_policy_violation", "exceed_context_size_error", "validation",
        "unsupported_parameter", "string_above_max_length", "UnprocessableEntityError",
    ],
    (413, "provider_rejected"): ["request_too_large"],
    (429, "provider_limit"): [
        "rate_limit_exceeded", "RateLimitError", "RESOURCE_EXHAUSTED", "insufficient_quota",
        "ThrottlingException", "Too Many Requests", "billing_hard_limit_reached",
        "rate_limit_error", "insufficient_balance",
    ],
    (503, "provider_busy"): [
        "overloaded_error", "overloaded", "UNAVAILABLE", "ServiceUnavailableError", "slow_down",
    ],
    (504, "provider_timeout"): ["DEADLINE_EXCEEDED", "timeout_error", "request_timeout"],
    (502, "provider_key"): [
        "invalid_api_key", "authentication_error", "UNAUTHENTICATED", "PERMISSION_DENIED",
    ],
    (502, "provider_not_found"): ["model_not_found", "NOT_FOUND", "not_found_error"],
    (502, "provider_error"): ["server_error", "INTERNAL", "api_error", "invalid_response", "error"],
}  # fmt: skip


@pytest.mark.parametrize(
    "word, expected", [(word, expected) for expected, words in CLASSES.items() for word in words]
)
def test_a_word_alone_names_the_class(word, expected):
    for member in ("code", "type", "status", "error_type"):
        for error in ({"error": {"message": W, member: word}}, {"error": W, member: word}):
            found = told(error)
            assert (found.status, found.code) == expected
            found = refused(500, error)
            assert (found.status, found.code) == expected


@pytest.mark.parametrize("member", ["code", "status", "status_code", "http_status", "error_code"])
@pytest.mark.parametrize("number", [429, 429.0, "429", " 429 ", "429 Too Many Requests"])
def test_a_number_names_the_class_in_each_form(member, number):
    for error in ({"error": {"message": W, member: number}}, {"message": W, member: number}):
        found = told(error)
        assert (found.status, found.code, found.upstream_status) == (429, "provider_limit", 429)


@pytest.mark.parametrize(
    "odd", [True, 42, 1301, -429, 4290, 429e300, "4290", "x429", [], [429], {}, {"a": 1}, None, ""]
)
def test_what_is_no_number_of_http_names_none(odd):
    found = told({"error": {"message": W, "code": odd, "status": odd}})
    assert (found.status, found.code, found.upstream_status) == (502, "provider_error", None)


@pytest.mark.parametrize(
    "status, error, expected",
    [
        (400, {"code": 400, "status": "INVALID_ARGUMENT",
               "details": [{"reason": "API_KEY_INVALID"}]}, "provider_key"),
        (400, {"type": "invalid_request_error", "code": "insufficient_quota"}, "provider_limit"),
        (401, {"type": "invalid_request_error", "code": "invalid_api_key"}, "provider_key"),
        (403, {"code": "insufficient_user_quota"}, "provider_limit"),
        (404, {"type": "invalid_request_error", "code": "model_not_found"}, "provider_not_found"),
        (413, {"type": "tokens", "code": "rate_limit_exceeded"}, "provider_rejected"),
        (429, {"type": "invalid_request_error"}, "provider_limit"),
        (500, {"code": 400}, "provider_rejected"),
        (500, {"code": 503}, "provider_busy"),
        (503, {"type": "internal_server_error"}, "provider_busy"),
    ],
)  # fmt: skip
def test_a_vague_status_leaves_it_to_the_words(status, error, expected):
    assert refused(status, {"error": {"message": W, **error}}).code == expected


@pytest.mark.parametrize(
    "header, body, seconds",
    [
        ("17", {}, 17),
        ("1.5", {}, 2),
        ("9" * 400, {}, 10**15 - 1),
        (None, {"error": {"details": [{"@type": "RetryInfo", "retryDelay": "7.2s"}]}}, 8),
        (None, {"error": {"message": W}, "retry_after": 3}, 3),
        (None, {"error": {"message": W}, "retryAfter": "soon"}, None),
        ("4", {"retry_after": 9}, 4),
    ],
)
def test_the_time_of_another_try_is_kept(header, body, seconds):
    assert refused(429, body, header).retry_after == seconds
    assert refused(400, body, header).retry_after is None


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"no {KEY}", "param": KEY, "code": "x" + KEY}},
        {"error": {"message": W, "echo": [KEY]}},
        json.dumps({"error": KEY}).replace("/", "\\/"),
        f"<html>{KEY.replace('&', '&amp;')}</html>",
    ],
)
def test_a_secret_is_cut_out_in_each_spelling(status, body):
    error = refused(status, body, secrets=[KEY])
    everything = f"{error} {error.field} {error.upstream_code} {error.__cause__}"
    assert "secret" not in everything and "***" in everything


def test_the_document_has_the_class_of_each_status():
    document = (Path(__file__).parents[2] / "docs/models.md").read_text("utf-8")
    row = re.compile(r"^\| (\d{3}[^|]*) \| (\d{3})[^|]* \| `(\w+)` \|$", re.MULTILINE)
    found = {}
    for said, status, code in row.findall(document):
        found.update(dict.fromkeys(map(int, re.findall(r"\d{3}", said)), (int(status), code)))
    errors = {status: refused(status, "") for status in range(300, 600)}
    ours = {status: (error.status, error.code) for status, error in errors.items()}
    assert found == {
        status: shown for status, shown in ours.items() if shown != (502, "provider_error")
    }


names = st.one_of(
    st.sampled_from(["error", "message", "detail", "errors", "code", "type", "status", "param",
                     "loc", "msg", "metadata", "raw", "details", "retry_after"]),
    st.text(max_size=5),
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["429", "INVALID_ARGUMENT", "context_length_exceeded", "<html><p>no", "[{"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(names, inner, max_size=5),
        inner.map(json.dumps),
    ),
    max_leaves=20,
)


@given(value=values, status=st.one_of(st.none(), st.integers(300, 599)))
def test_any_json_is_an_error_with_a_message(value, status):
    with_member = {"error": value}
    for error in (told(value), told(with_member), refused(status, value)):
        assert 400 <= error.status <= 599 and error.code and str(error)
        assert str(error.__cause__).startswith("http://here: status ")


@given(value=values)
def test_any_text_that_was_said_reaches_the_log(value):
    error = told({"error": {"message": W, "more": value}})
    assert W in str(error.__cause__)


@given(body=st.one_of(st.text(), st.binary().map(lambda body: body.decode("latin-1"))))
def test_any_body_is_an_error_with_a_message(body):
    assert str(refused(400, body))


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"error":' * 50_000,
        "<script>" * 30_000,
        "<" * 200_000,
        " " * 200_000 + "x",
        '{"message": "' + "\\" * 200_000,
        json.dumps({"errors": [{"message": str(number)} for number in range(20_000)]}),
        json.dumps({"code": " " * 200_000 + "x", "status": "4" * 200_000}),
    ],
)
def test_a_huge_body_is_no_hard_work(body):
    error = refused(400, body)
    assert len(str(error)) < 600 and len(str(error.__cause__)) < 2200

"""A router chooses a model by its name, and asks the next one where a model fails before its first
token."""

from __future__ import annotations

import logging
import os
import threading

import pytest
from werkzeug.exceptions import Forbidden

from flask_llmstream import (
    CallableProvider,
    CompletionRequest,
    ConfigurationError,
    Counter,
    Delta,
    OpenAICompatible,
    Provider,
    ProviderError,
    RequestError,
    Router,
    ServerSentEvent,
    StreamError,
    StreamRefused,
    ToolCallDelta,
    Usage,
)
from flask_llmstream.errors import UnknownModel
from tests.providers.asking import code_at_abort
from tests.support.upstream import Upstream, answer, events, nobody_listens, tokens

TOOLS = {"tools": [{"type": "function", "function": {"name": "weather"}}]}


def request(model="", **options):
    return CompletionRequest(model, prompt="The sea is", options=options)


def says(*pieces):
    return CallableProvider(lambda request: iter(pieces))


def fails(error, *before):
    def model(request):
        yield from before
        raise error

    return CallableProvider(model)


def ask(router, model="", **options):
    """The answer, and the model that gave it."""
    deltas = router.stream(request(model, **options))
    return list(deltas), deltas.model


DOWN = ProviderError("down", code="provider_unreachable")


# Names.


def test_the_name_chooses():
    router = Router({"a": says("from a"), "b": says("from b")}, aliases={"gpt-4o": "b"})
    assert ask(router, "a") == (["from a"], "a")
    assert ask(router, "b") == (["from b"], "b")
    assert ask(router, "gpt-4o") == (["from b"], "b")


def test_without_a_name_the_first_answers_and_an_unknown_one_is_refused():
    router = Router({"a": says("from a"), "b": says("from b")})
    assert ask(router) == (["from a"], "a")
    for refused in (router.stream, router.check):
        with pytest.raises(UnknownModel, match="there is no model 'c'"):
            refused(request("c"))


@pytest.mark.parametrize("default", ["b", "gpt-4o"])
def test_the_default_answers_whatever_is_not_named(default):
    models = {"a": says("from a"), "b": says("from b")}
    router = Router(models, default=default, aliases={"gpt-4o": "b"})
    assert ask(router) == ask(router, "c") == (["from b"], "b")


def test_a_model_gets_the_request_with_its_own_name():
    asked = []
    seen = CallableProvider(lambda request: asked.append(request) or ["x"])
    question = CompletionRequest("gpt-4o", prompt="Hi", options={"seed": 1}, max_tokens=7)
    router = Router({"a": says("x"), "b": seen}, aliases={"gpt-4o": "b"})
    assert list(router.stream(question)) == ["x"]
    assert asked == [CompletionRequest("b", prompt="Hi", options={"seed": 1}, max_tokens=7)]


def test_its_models_are_its_names_with_the_default_first():
    router = Router({"a": says(), "b": says()}, default="b", aliases={"gpt-4o": "a"})
    assert list(router.models) == ["b", "a", "gpt-4o"]
    assert set(router.models.values()) == {router}


# Failover.


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        ProviderError("silent", status=504),
        ProviderError("a limit", status=429, retry_after=3),
        ProviderError("refused key", code="provider_key"),
        ProviderError("unknown there", status=404),
        StreamRefused("full"),
        RequestError("can't do tools", field="tools"),
        ConnectionResetError("gone"),
        TimeoutError("silent"),
        KeyError("a bug"),
    ],
    ids=repr,
)
def test_a_failure_before_the_first_token_leads_to_the_next(error):
    router = Router({"a": fails(error), "b": says("from b")}, failover={"a": "b"})
    assert ask(router) == (["from b"], "b")


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("wrong", status=400, upstream_code="context_length_exceeded"),
        ProviderError("too large", status=413),
        ProviderError("wrong", status=422),
        StreamError("Pay first.", status=402),
        Forbidden(),
    ],
    ids=repr,
)
def test_a_request_that_is_wrong_and_an_answer_of_the_applications_own_are_final(error):
    router = Router({"a": fails(error), "b": says("from b")}, failover={"a": "b"})
    with pytest.raises(type(error)) as caught:
        ask(router)
    assert caught.value is error


TOKENS = [
    "text",
    Delta(reasoning="hm"),
    Delta(refusal="no"),
    Delta(tool_calls=[ToolCallDelta(0, "call_1", "weather")]),
    Delta(logprobs={"content": []}, text="x"),
    {"an": "item of its own"},
]


@pytest.mark.parametrize("token", TOKENS, ids=repr)
def test_behind_the_first_token_no_other_model_is_asked(token):
    router = Router({"a": fails(DOWN, token), "b": says("from b")}, failover={"a": "b"})
    deltas = iter(router.stream(request()))
    assert next(deltas) == token
    with pytest.raises(ProviderError, match="down"):
        next(deltas)


def test_what_came_before_the_first_token_of_a_failed_model_is_not_given_on():
    before = ["", Delta(chunk_extra={"system_fingerprint": "a"}), Usage(1, 0)]
    router = Router({"a": fails(DOWN, *before), "b": says("from b")}, failover={"a": "b"})
    assert ask(router) == (["from b"], "b")


def test_what_came_before_the_first_token_is_given_on_with_it_in_order():
    pieces = ["", Delta(chunk_extra={"system_fingerprint": "a"}), "x", "", "y", Usage(1, 2)]
    assert ask(Router({"a": says(*pieces)})) == (pieces, "a")


@pytest.mark.parametrize("pieces", [[], [Usage(1, 0)], [""], [Delta(extra={"a": 1}), Usage()]])
def test_an_answer_without_a_token_is_an_answer(pieces):
    router = Router({"a": says(*pieces), "b": says("from b")}, failover={"a": "b"})
    assert ask(router) == (pieces, "a")


def test_many_pieces_without_a_token_begin_the_answer_all_the_same():
    pieces = [Delta(extra={"number": number}) for number in range(1000)]
    router = Router({"a": fails(DOWN, *pieces), "b": says("from b")}, failover={"a": "b"})
    deltas, got = iter(router.stream(request())), []
    with pytest.raises(ProviderError, match="down"):
        got.extend(deltas)
    assert got == pieces


def test_a_report_is_given_on_at_once_and_is_no_token():
    report = ServerSentEvent(event="loading")
    router = Router({"a": fails(DOWN, report), "b": says("from b")}, failover={"a": "b"})
    assert ask(router) == ([report, "from b"], "b")


def test_the_next_ones_are_asked_in_their_order_and_have_no_next_ones_of_their_own():
    models = {"a": fails(DOWN), "b": fails(DOWN), "c": says("from c"), "d": says("from d")}
    router = Router(models, failover={"a": ["b", "c"], "b": "d"})
    assert ask(router, "a") == (["from c"], "c")
    assert ask(router, "b") == (["from d"], "d")


def test_a_stream_that_raises_at_once_leads_on_too():
    class Hasty(Provider):
        def stream(self, request):
            raise DOWN

    assert ask(Router({"a": Hasty(), "b": says("b")}, failover={"a": "b"})) == (["b"], "b")


# The error where all fail.


def limit(after):
    return ProviderError(f"come back in {after}", status=429, retry_after=after)


@pytest.mark.parametrize(
    "errors, told",
    [
        ([DOWN, ProviderError("silent", status=504)], "down"),
        ([DOWN, limit(9), limit(3)], "come back in 3"),
        ([limit(9), DOWN], "come back in 9"),
        ([RequestError("no tools"), DOWN], "down"),
        ([RequestError("no tools"), RequestError("no images")], "no tools"),
        ([DOWN, KeyError("a bug")], "down"),
        ([DOWN, ProviderError("too large", status=413)], "too large"),
    ],
)
def test_of_the_errors_the_one_that_helps_most_is_told(errors, told):
    names = [str(number) for number in range(len(errors))]
    router = Router(dict(zip(names, map(fails, errors))), failover={"0": names[1:]})
    with pytest.raises(Exception, match=told):
        ask(router)


def test_each_failure_is_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    unreachable = ProviderError("It can't be reached.")
    unreachable.__cause__ = OSError("10.0.0.7 refused")
    reached = "ProviderError: It can't be reached."
    models = {"a": fails(unreachable), "b": fails(KeyError("a bug")), "c": fails(limit(1))}
    with pytest.raises(ProviderError):
        ask(Router(models, failover={"a": ["b", "c"]}))
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("WARNING", f"a router goes on from a: {reached} (OSError: 10.0.0.7 refused)"),
        ("ERROR", "a router goes on from b: KeyError: 'a bug'"),
        ("WARNING", "a router goes on from c: ProviderError: come back in 1"),
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True, False]


def test_an_only_model_fails_as_it_would_alone(caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(KeyError):
        ask(Router({"a": fails(KeyError("a bug"))}))
    assert not caplog.records


# Its models' servers.


@pytest.mark.parametrize(
    "script",
    [
        answer(429, "slow down", retry_after="20"),
        answer(500),
        answer(503),
        answer(401, "no such key"),
        answer(404, "no such model"),
        events({"error": {"message": "overloaded", "type": "overloaded_error"}}),
        events(),
        lambda exchange: exchange.reset(),
    ],
)
def test_a_server_that_fails_before_its_first_token_is_replaced(script):
    with Upstream(script) as broken, Upstream(tokens("Hel", "lo")) as sound:
        models = {"a": OpenAICompatible(broken.url, retries=0), "b": OpenAICompatible(sound.url)}
        pieces, model = ask(Router(models, failover={"a": "b"}))
    assert ("".join(pieces[:-1]), model) == ("Hello", "b")


def test_a_server_that_can_t_be_reached_is_replaced():
    with nobody_listens() as nowhere, Upstream(tokens("Hello")) as sound:
        models = {"a": OpenAICompatible(nowhere, retries=0), "b": OpenAICompatible(sound.url)}
        assert ask(Router(models, failover={"a": "b"}))[0][0] == "Hello"


def test_a_server_that_calls_the_request_wrong_is_believed():
    with Upstream(answer(400, '{"error": {"message": "seed: a number"}}')) as broken:
        models = {"a": OpenAICompatible(broken.url, retries=0), "b": says("b")}
        with pytest.raises(ProviderError, match="seed: a number"):
            ask(Router(models, failover={"a": "b"}))


# What a model can't do.


def choosy(text="from a"):
    return CallableProvider(lambda request: [text], refuses={"tools": "no tools here"})


def test_a_model_that_refuses_the_request_is_passed_over():
    router = Router({"a": choosy(), "b": says("from b")}, failover={"a": "b"})
    router.check(request(**TOOLS))
    assert ask(router, **TOOLS) == (["from b"], "b")
    assert ask(router) == (["from a"], "a")


def test_a_request_that_all_refuse_is_refused_with_the_first_one_s_words():
    router = Router({"a": choosy(), "b": Counter()}, failover={"a": "b"})
    with pytest.raises(RequestError, match="tools: no tools here"):
        router.check(request(**TOOLS))


def test_only_those_that_would_be_asked_are_checked():
    router = Router({"a": choosy(), "b": says("from b")})
    with pytest.raises(RequestError):
        router.check(request(**TOOLS))


def test_a_check_that_is_broken_is_an_error_of_the_application():
    class Broken(Counter):
        def check(self, request):
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        Router({"a": Broken(), "b": says()}, failover={"a": "b"}).check(request())


# Limits.


def test_where_there_is_no_place_the_next_model_is_asked():
    router = Router({"a": says("a", "b"), "b": says("b")}, failover={"a": "b"}, limits={"a": 1})
    running = iter(router.stream(request()))
    next(running)
    assert ask(router) == (["b"], "b")
    list(running)
    assert ask(router)[1] == "a"


def test_where_no_place_is_left_the_answer_is_503_with_retry_after():
    router = Router({"a": says("a", "b")}, limits={"a": 1})
    running = iter(router.stream(request()))
    next(running)
    with pytest.raises(StreamRefused) as caught:
        ask(router)
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    list(running)


def to_its_end(router):
    ask(router)


def to_its_error(router):
    with pytest.raises(StreamError):
        ask(router, "broken")


def aborted_before_it_began(router):
    deltas = router.stream(request())
    deltas.abort()
    with pytest.raises(ProviderError) as caught:
        list(deltas)
    assert caught.value.code == "aborted"


def aborted_and_never_iterated(router):
    router.stream(request()).abort()


def never_iterated(router):
    router.stream(request())


def closed_before_it_began(router):
    deltas = router.stream(request())
    iter(deltas)
    deltas.close()


def closed(router):
    deltas = router.stream(request())
    next(iter(deltas))
    deltas.close()
    deltas.close()


def garbage(router):
    next(iter(router.stream(request())))


def aborted_while_it_runs(router):
    deltas = router.stream(request())
    next(iter(deltas))
    deltas.abort()
    deltas.close()


@pytest.mark.parametrize(
    "run",
    [
        to_its_end,
        to_its_error,
        aborted_before_it_began,
        aborted_and_never_iterated,
        never_iterated,
        closed_before_it_began,
        closed,
        garbage,
        aborted_while_it_runs,
    ],
)
def test_the_place_is_given_back_exactly_once(run):
    models = {"a": says("a", "b"), "broken": fails(DOWN)}
    router = Router(models, limits={"a": 2, "broken": 2})
    for _ in range(3):
        run(router)
    running = [iter(router.stream(request())) for _ in range(2)]
    assert [next(one) for one in running] == ["a", "a"]
    with pytest.raises(StreamRefused):
        ask(router)
    for one in running:
        one.close()


def test_a_forked_child_has_places_of_its_own():
    router = Router({"a": says("a", "b")}, limits={"a": 1})
    running = iter(router.stream(request()))
    next(running)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if ask(router)[1] == "a" else 1)
        finally:
            os._exit(2)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0
    running.close()


# Closing and aborting.


class Watched:
    """Deltas that note each call of ``abort`` and ``close``."""

    def __init__(self, *pieces, error=None):
        self._pieces = pieces
        self._error = error
        self.calls = []

    def __iter__(self):
        yield from self._pieces
        if self._error is not None:
            raise self._error

    def abort(self):
        self.calls.append("abort")

    def close(self):
        self.calls.append("close")


class Giving(Provider):
    def __init__(self, deltas):
        self._deltas = deltas

    def stream(self, request):
        return self._deltas


def test_a_failed_model_is_closed_before_the_next_one_is_asked():
    first, states = Watched(error=DOWN), []
    second = CallableProvider(lambda request: states.append(list(first.calls)) or ["b"])
    ask(Router({"a": Giving(first), "b": second}, failover={"a": "b"}))
    assert states == [["close"]]


def test_an_abort_reaches_the_model_that_is_asked_now_and_no_other():
    first, second = Watched(error=DOWN), Watched("b", "c")
    router = Router({"a": Giving(first), "b": Giving(second)}, failover={"a": "b"})
    deltas = router.stream(request())
    next(iter(deltas))
    deltas.abort()
    deltas.abort()
    deltas.close()
    assert (first.calls, second.calls) == (["close"], ["abort", "close"])


def test_an_aborted_answer_asks_no_other_model():
    asked = threading.Event()
    with Upstream(lambda exchange: None) as silent:
        models = {
            "a": OpenAICompatible(silent.url),
            "b": CallableProvider(lambda request: asked.set() or ["b"]),
        }
        deltas = Router(models, failover={"a": "b"}).stream(request())
        assert code_at_abort(deltas, silent.asked) == "aborted"
    assert not asked.is_set()


def test_a_close_that_fails_is_logged_and_stops_nothing(caplog):
    class Clumsy(Watched):
        def close(self):
            raise OSError("can't close")

    router = Router({"a": Giving(Clumsy(error=DOWN)), "b": says("b")}, failover={"a": "b"})
    assert ask(router) == (["b"], "b")
    assert "a failed when it was closed" in caplog.text


# Routers in routers.


def test_a_router_may_be_a_model_of_another_one():
    inner = Router({"a": fails(DOWN), "b": says("b")}, default="a", failover={"a": "b"})
    assert ask(Router({"eu": inner})) == (["b"], "eu/b")


def test_a_router_whose_models_all_fail_leads_on():
    inner = Router({"a": fails(DOWN), "b": fails(DOWN)}, default="a", failover={"a": "b"})
    assert ask(Router({"eu": inner, "us": says("us")}, failover={"eu": "us"})) == (["us"], "us")


def test_a_function_may_give_a_router_s_answer():
    router = Router({"a": says("a")})
    model = CallableProvider(lambda request: router.stream(request))
    deltas = model.stream(request())
    assert (list(deltas), deltas.model) == (["a"], "a")


# Settings that can't work.


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"providers": {}}, "providers: has to name a model"),
        ({"providers": ["a"]}, "providers: has to be a mapping of names, not list"),
        ({"providers": None}, "providers: has to be a mapping of names, not NoneType"),
        ({"providers": {"": Counter()}}, r"providers\[''\]: a model's name has to be a text"),
        ({"providers": {7: Counter()}}, r"providers\[7\]: a model's name has to be a text"),
        ({"providers": {"a": Counter}}, "has to be a Provider, not the class Counter"),
        ({"providers": {"a": print}}, "CallableProvider makes one of a function"),
        ({"providers": {"eu": Router({"x": Counter()})}}, "is a router without 'eu'"),
        ({"default": "c"}, "default: 'c' is none of a, b"),
        ({"default": ["a"]}, "default: .* is none of a, b"),
        ({"aliases": {"x": "c"}}, r"aliases\['x'\]: 'c' is none of a, b"),
        ({"aliases": {"x": ["a"]}}, r"aliases\['x'\]: \['a'\] is none of a, b"),
        ({"aliases": {"a": "b"}}, r"aliases\['a'\]: is the name of a model"),
        ({"aliases": "a"}, "aliases: has to be a mapping of names, not str"),
        ({"failover": {"c": "a"}}, "failover: 'c' is none of a, b"),
        ({"failover": {"a": ["c"]}}, r"failover\['a'\]: 'c' is none of a, b"),
        ({"failover": {"a": "a"}}, r"failover\['a'\]: has a model twice"),
        ({"failover": {"a": ["b", "b"]}}, r"failover\['a'\]: has a model twice"),
        ({"failover": {"a": 7}}, r"failover\['a'\]: has to be names, not int"),
        ({"failover": ["a", "b"]}, "failover: has to be a mapping of names, not list"),
        ({"limits": {"c": 1}}, "limits: 'c' is none of a, b"),
        ({"limits": {"a": 0}}, r"limits\['a'\]: has to be a whole number from 1, not 0"),
        ({"limits": {"a": True}}, r"limits\['a'\]: .* not True"),
        ({"limits": {"a": 1.5}}, r"limits\['a'\]: .* not 1.5"),
    ],
)
def test_a_setting_that_can_t_work_is_told_by_its_name(arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        Router(**{"providers": {"a": Counter(), "b": Counter()}, **arguments})

"""A router of asynchronous models: it chooses and goes on as one of plain models does."""

from __future__ import annotations

import asyncio

import pytest

from flask_llmstream import (
    CallableProvider,
    CompletionRequest,
    ConfigurationError,
    Counter,
    Provider,
    ProviderError,
    RequestError,
    Router,
    StreamRefused,
    Usage,
)

REQUEST = CompletionRequest(prompt="The sea is", options={"tools": [{"type": "function"}]})
DOWN = ProviderError("down")


def says(*pieces, refuses={}):
    async def model(request):
        for piece in pieces:
            yield piece

    return CallableProvider(model, refuses=refuses)


def fails(error, *before):
    async def model(request):
        for piece in before:
            yield piece
        raise error

    return CallableProvider(model)


async def returns(request):
    return ["whole"]


class Choosy(Provider):
    async def check(self, request):
        raise RequestError("not I")

    async def stream(self, request):
        return "from a"


class Unmarked(Provider):
    """Its stream is plain, and gives an asynchronous iterable all the same."""

    def __init__(self, is_it):
        self._is_it = is_it

    @property
    def is_asynchronous(self):
        return self._is_it

    def stream(self, request):
        return says("from a").stream(request)


def run(test):
    return asyncio.run(test)


def ask(router):
    async def answer():
        deltas = router.stream(REQUEST)
        return [piece async for piece in deltas], deltas.model

    return run(answer())


def test_a_failure_before_the_first_token_leads_to_the_next():
    router = Router({"a": fails(DOWN, Usage()), "b": says("b", "c")}, failover={"a": "b"})
    assert ask(router) == (["b", "c"], "b")


def test_behind_the_first_token_no_other_model_is_asked():
    with pytest.raises(ProviderError, match="down"):
        ask(Router({"a": fails(DOWN, "token"), "b": says("b")}, failover={"a": "b"}))


def test_where_all_fail_the_first_error_is_told():
    with pytest.raises(ProviderError, match="down"):
        ask(Router({"a": fails(DOWN), "b": fails(KeyError("a bug"))}, failover={"a": "b"}))


@pytest.mark.parametrize("model", [CallableProvider(returns), Unmarked(True)])
def test_whatever_gives_an_asynchronous_iterable_may_be_a_model(model):
    assert ask(Router({"a": fails(DOWN), "b": model}, failover={"a": "b"}))[1] == "b"


def test_a_check_may_be_asynchronous():
    router = Router({"a": Choosy(), "b": says("b")}, failover={"a": "b"})
    assert ask(router) == (["b"], "b")
    assert run(router.check(REQUEST)) is None
    with pytest.raises(RequestError, match="not I"):
        run(Router({"a": Choosy(), "b": Choosy()}, failover={"a": "b"}).check(REQUEST))


def test_a_model_that_refuses_the_request_is_passed_over():
    router = Router({"a": says("a", refuses={"tools": "no"}), "b": says("b")}, failover={"a": "b"})
    assert ask(router) == (["b"], "b")


def test_a_router_may_be_a_model_of_another_one():
    inner = Router({"a": fails(DOWN), "b": says("b")}, default="a", failover={"a": "b"})
    outer = Router({"eu": inner, "us": says("us")})
    assert outer.is_asynchronous
    assert ask(outer) == (["b"], "eu/b")
    assert run(outer.check(REQUEST)) is None


def test_a_function_may_return_a_router_s_answer():
    router = Router({"a": says("a")})

    async def function(request):
        return router.stream(request)

    assert ask(CallableProvider(function)) == (["a"], "a")


@pytest.mark.parametrize("how", ["to its end", "to its error", "closed", "never iterated"])
def test_a_place_is_given_back_exactly_once(how):
    models = {"a": fails(DOWN, "x") if how == "to its error" else says("x", "y")}
    router = Router(models, limits={"a": 1})

    async def once():
        deltas = router.stream(REQUEST)
        if how == "never iterated":
            await deltas.aclose()
        elif how == "closed":
            await deltas.__aiter__().__anext__()
            await deltas.aclose()
        else:
            try:
                assert [piece async for piece in deltas] == ["x", "y"]
            except ProviderError:
                assert how == "to its error"

    async def test():
        for _ in range(3):
            await once()
        running = router.stream(REQUEST)
        assert await running.__aiter__().__anext__() == "x"
        with pytest.raises(StreamRefused):
            await router.stream(REQUEST).__aiter__().__anext__()
        await running.aclose()

    run(test())


def test_a_model_is_closed_before_the_next_one_is_asked():
    done = []

    class Watched:
        async def __aiter__(self):
            raise DOWN
            yield

        async def aclose(self):
            done.append("closed")

    class Giving(Provider):
        async def stream(self, request):
            return Watched()

    async def second(request):
        done.append("asked")
        yield "b"

    ask(Router({"a": Giving(), "b": CallableProvider(second)}, failover={"a": "b"}))
    assert done == ["closed", "asked"]


# Both kinds in one router.


@pytest.mark.parametrize("models", [{"a": says(), "b": Counter()}, {"b": Counter(), "a": says()}])
def test_plain_models_and_asynchronous_ones_are_refused(models):
    told = r"providers\['a'\]: is asynchronous, and 'b' is not; a router takes plain models or"
    with pytest.raises(ConfigurationError, match=told):
        Router(models)


def test_an_asynchronous_check_of_a_plain_model_is_refused():
    class Waiting(Counter):
        async def check(self, request):
            """Never refuses."""

    with pytest.raises(ConfigurationError, match=r"providers\['a'\]: has a check that is async"):
        Router({"a": Waiting()})


def test_a_model_that_hides_its_kind_is_told_when_it_is_asked():
    with pytest.raises(TypeError, match="a gave asynchronous deltas; its is_asynchronous says no"):
        list(Router({"a": Unmarked(False)}).stream(REQUEST))

    class Plain(Provider):
        is_asynchronous = True

        def stream(self, request):
            return ["a"]

    with pytest.raises(TypeError, match="a gave a list; its is_asynchronous says otherwise"):
        ask(Router({"a": Plain()}))

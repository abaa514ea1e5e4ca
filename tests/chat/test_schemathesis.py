"""Every operation that ``GET /openapi.json`` describes, asked by Schemathesis, well and badly.

Nothing ends in a 5xx, good data is answered and bad data refused, and each answer, event by event,
is as it is described.
"""

from __future__ import annotations

import importlib.util
import os

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings

from flask_llmstream import CallableProvider, Delta, LLMStream, ToolCallDelta, Usage
from flask_llmstream.providers.option_walk import plain
from tests.conftest import needs

needs("Schemathesis", importlib.util.find_spec("schemathesis"))

import schemathesis  # noqa: E402
from schemathesis.config import SchemathesisConfig  # noqa: E402

# Schemathesis closes no answer, and so no file.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored .*llmstream.js")


def answer(request):
    """All kinds of pieces, at once. It takes any option."""
    yield "Hello "
    yield Delta("you", reasoning="Say hello.")
    yield Delta(tool_calls=(ToolCallDelta(0, "call-1", "look", '{"at":1}'),))
    yield Usage(3, 5)


# The counter refuses options that it can't follow, which no schema says.
ANY = CallableProvider(answer)
app = Flask("a_site")
LLMStream(app, providers={"talk": ANY, "a/b": ANY, "counter": ANY})


def described(coverage):
    """The description of the app's chat endpoints.

    :param coverage: whether each bound of each schema is tried, in many hundred requests.
    """
    config = SchemathesisConfig()
    loaded = schemathesis.openapi.from_wsgi("/v1/openapi.json", app, config=config)
    loaded.config.phases.coverage.enabled = coverage
    return loaded


PATIENT = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
short, long = described(False), described(True)


def check(case):
    query = case.query or {}
    if case.path == "/chat/stream" and "model" in query and "prompt" not in query:
        return  # no OpenAPI says that one parameter needs another
    if isinstance(case.body, dict) and any(name != plain(name) == "n" for name in case.body):
        return  # nor that ``N`` is read as ``n``, as a model's server may do
    case.call_and_validate()


@short.parametrize()
@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=PATIENT)
def test_every_operation_does_what_its_description_says(case):
    check(case)


@pytest.mark.thorough
@long.parametrize()
@settings(
    max_examples=int(os.environ.get("EXAMPLES", 300)),
    deadline=None,
    suppress_health_check=PATIENT,
)
def test_every_operation_does_what_its_description_says_in_every_bound(case):
    check(case)

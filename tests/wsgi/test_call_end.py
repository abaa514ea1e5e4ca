"""When the call of an app ends, the steps for its end are taken, once."""

from __future__ import annotations

import weakref

import pytest

from flask_llmstream.wsgi.call_end import at_call_end, call


def called(*steps, environ=None, then=lambda: None):
    """Call an app that asks for these steps; what its environ is afterwards."""
    environ = {} if environ is None else environ

    def app(environ, start_response):
        for step in steps:
            assert at_call_end(environ, step)
        then()
        return []

    call(app, environ, None)
    return environ


def test_steps_are_taken_behind_the_call_in_order():
    taken = []
    environ = called(
        lambda: taken.append("first"),
        lambda: taken.append("second"),
        then=lambda: taken.append("in the call"),
    )
    assert taken == ["in the call", "first", "second"]
    assert environ == {}


def test_also_where_the_app_fails():
    taken = []
    with pytest.raises(ZeroDivisionError):
        called(lambda: taken.append("a step"), then=lambda: 1 / 0)
    assert taken == ["a step"]


def test_an_app_inside_an_app_has_its_own_end():
    taken, environ = [], {}

    def inner():
        called(lambda: taken.append("inner"), environ=environ)
        at_call_end(environ, lambda: taken.append("outer, later"))
        taken.append("in the outer call")

    called(lambda: taken.append("outer"), environ=environ, then=inner)
    assert taken == ["inner", "in the outer call", "outer", "outer, later"]


def test_without_a_call_nobody_takes_a_step():
    assert not at_call_end({}, print)


def test_a_copy_of_the_environ_keeps_no_step():
    class Step:
        def take(self):
            """Nothing to do."""

    step, copies = Step(), []

    def app(environ, start_response):
        copies.append({**environ})
        at_call_end(environ, copies[0]["a middleware's"].take)

    call(app, {"a middleware's": step}, None)
    copies[0].pop("a middleware's")
    gone = weakref.ref(step)
    del step
    assert gone() is None

"""Middleware and response hooks are found, however they were added."""

from __future__ import annotations

import functools

import pytest
from flask import Blueprint, Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_llmstream.doctor.layers import response_hooks, wsgi_layers

PROXY_FIX = "werkzeug.middleware.proxy_fix.ProxyFix"


@pytest.fixture
def app():
    return Flask("a_site")


def named(layer):
    """Its name, without the module of this test."""
    return layer.rpartition("<locals>.")[2].rpartition(f"{__name__}.")[2]


def test_an_application_by_itself_has_no_layers(app):
    assert wsgi_layers(app) == ()


def test_an_application_class_of_one_s_own_is_no_layer():
    class Site(Flask):
        def wsgi_app(self, environ, start_response):
            return super().wsgi_app(environ, start_response)

    assert wsgi_layers(Site("a_site")) == ()


def test_layers_are_told_from_the_outside_in(app):
    app.wsgi_app = ProxyFix(app.wsgi_app)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app)
    dispatcher = "werkzeug.middleware.dispatcher.DispatcherMiddleware"
    assert wsgi_layers(app) == (dispatcher, PROXY_FIX)


def test_a_layer_may_be_a_function_in_a_function(app):
    def gzipped(inner):
        def call(environ, start_response):
            return inner(environ, start_response)

        return call

    app.wsgi_app = gzipped(app.wsgi_app)
    assert [named(layer) for layer in wsgi_layers(app)] == ["call"]


def test_a_layer_may_be_a_method_of_an_object(app):
    class Compressor:
        def __init__(self, inner):
            self.inner = inner

        def call(self, environ, start_response):
            return self.inner(environ, start_response)

    app.wsgi_app = Compressor(app.wsgi_app).call
    assert [named(layer) for layer in wsgi_layers(app)] == ["Compressor.call"]


def test_a_layer_may_be_a_partial(app):
    def call(inner, environ, start_response):
        return inner(environ, start_response)

    app.wsgi_app = functools.partial(call, ProxyFix(app.wsgi_app))
    assert wsgi_layers(app) == ("functools.partial", PROXY_FIX)


def test_what_lies_inside_an_other_application_is_none_of_ours(app):
    other = Flask("another_site")
    other.wsgi_app = ProxyFix(other.wsgi_app)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/other": other})
    assert PROXY_FIX not in wsgi_layers(app)


def test_layers_that_hold_each_other_are_walked_once(app):
    class Layer:
        def __call__(self, environ, start_response):
            raise AssertionError("nobody calls it")

    one, other = Layer(), Layer()
    one.next, other.next, other.app = other, one, app.wsgi_app
    app.wsgi_app = one
    assert [named(layer) for layer in wsgi_layers(app)] == ["Layer", "Layer"]


def test_a_wsgi_app_that_does_not_lead_here_is_told_by_itself(app):
    def elsewhere(environ, start_response):
        raise AssertionError("nobody calls it")

    app.wsgi_app = elsewhere
    assert [named(layer) for layer in wsgi_layers(app)] == ["elsewhere"]


def test_functions_that_see_each_response_are_told_those_of_blueprints_too(app):
    blueprint = Blueprint("shop", __name__)

    @app.after_request
    def compress(response):
        return response

    @blueprint.after_request
    def stamp(response):
        return response

    app.register_blueprint(blueprint)
    assert sorted(named(hook) for hook in response_hooks(app)) == ["compress", "stamp"]


def test_a_layer_may_know_the_application_itself_and_a_proxy(app):
    class Layer:
        def __init__(self, inner):
            self.site, self.request, self.inner = app, request, inner

        def __call__(self, environ, start_response):
            return self.inner(environ, start_response)

    app.wsgi_app = Layer(ProxyFix(app.wsgi_app))
    assert [named(layer) for layer in wsgi_layers(app)][0] == "Layer"
    assert wsgi_layers(app)[1:] == (PROXY_FIX,)

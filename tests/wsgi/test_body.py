"""A response that streams has no body yet. An error says so, and what to do instead."""

from __future__ import annotations

import copy
import pickle

import pytest
from flask import request

from tests.support.answers import Answer

NO_BODY = "direct_passthrough is true, and a test reads it through app.test_client"


@pytest.mark.parametrize(
    "read",
    [
        lambda response: response.get_data(),
        lambda response: response.data,
        lambda response: response.add_etag(),
        lambda response: response.freeze(),
        lambda response: response.make_sequence(),
        lambda response: response.get_json(force=True),
        lambda response: response.stream.write(b"more"),
    ],
    ids=["get_data", "data", "add_etag", "freeze", "make_sequence", "get_json", "stream"],
)
def test_who_reads_it_is_told_what_to_do_instead(app, streams, read):
    with app.test_request_context():
        response = streams.response(["one"])
        with pytest.raises(RuntimeError, match=NO_BODY):
            read(response)
        assert response.is_streamed, "and it still streams"


def test_a_tag_of_its_own_may_be_asked_for_without_the_body(app, streams):
    with app.test_request_context():
        response = streams.response(["one"])
        assert response.make_conditional(request) is response
        assert response.calculate_content_length() is None


@pytest.mark.parametrize("keep", [pickle.dumps, copy.deepcopy])
def test_who_keeps_it_is_told_what_can_be_kept(app, streams, keep):
    with app.test_request_context():
        with pytest.raises(TypeError, match="can't be kept: cache what it is made of"):
            keep(streams.response(["one"]))


def test_an_after_request_function_that_reads_it_is_told_in_the_log(app, serve, caplog):
    app.after_request(lambda response: response.add_etag() or response)
    serve(lambda: ["one"])
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 500
    assert "an after_request function returns it as it is where response.direct_pass" in caplog.text


def test_one_that_leaves_alone_what_is_passed_through_is_right(place, app, serve):
    @app.after_request
    def tag(response):
        if not response.direct_passthrough:
            response.add_etag()
        return response

    serve(lambda: ["one"], format="text")
    with Answer(app, "/") as answer:
        assert [event.data for event in answer.all_events()] == ["one"]


def test_a_body_that_was_put_in_its_place_can_be_read(app, streams):
    with app.test_request_context():
        response = streams.response(["one"])
        response.set_data(b"another")
        response.add_etag()
        response.freeze()
        assert response.data == b"another"


def test_who_takes_it_out_of_the_passthrough_has_it_whole(app, streams):
    with app.test_request_context():
        response = streams.response(["one"], format="text")
        response.direct_passthrough = False
        assert b"data: one\n" in response.get_data()

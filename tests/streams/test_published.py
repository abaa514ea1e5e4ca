"""The published streams are what their README says, and our decoder reads each of them."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing, contextmanager
from http.server import ThreadingHTTPServer

import pytest

from flask_llmstream import EventStreamDecoder
from tests.streams.cases import HERE, PARSER, TEXTS, all_as, all_tokens, differences, segments
from tests.streams.serving import Handler, cut, stream_at
from tests.streams.writing import WRITINGS, files
from tests.support.programs import ROOT

EACH = pytest.mark.parametrize("case", TEXTS.values(), ids=lambda case: case.name)


def data_of(pieces):
    decoder = EventStreamDecoder()
    return [event.data for piece in pieces for event in decoder.feed(piece)]


def text_of(data, writing):
    if not writing.startswith("json"):
        return "".join(data)
    joined = "".join(json.loads(each)["text"] for each in data)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_what_is_made_of_the_tokens_is_up_to_date():
    """If this fails, run ``python -m tests.streams.writing``."""
    stale = [path.name for path, content in files() if path.read_text("utf-8") != content]
    assert stale == []


def test_a_name_means_one_case():
    assert not TEXTS.keys() & PARSER.keys()
    assert "all" not in {*TEXTS, *PARSER}


def test_each_case_says_what_it_tries():
    assert all(case.rule for case in (*TEXTS.values(), *PARSER.values()))


def test_the_folder_alone_has_the_project_s_licence():
    assert (HERE / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")


@EACH
def test_each_writing_is_read_whole_and_cut_at_its_places_and_at_every_byte(case):
    for writing, stream in case.streams.items():
        for how in ("none", "places", "bytes"):
            data = data_of(cut(stream, how))
            assert data == stream.data, (writing, how)
            assert text_of(data, writing) == stream.text, (writing, how)


@EACH
def test_json_keeps_the_text_as_it_is(case):
    whole = "".join(case.tokens).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert {case.text, case.streams["json"].text, case.streams["json_ascii"].text} == {whole}


@EACH
def test_bare_data_keeps_the_text_but_for_its_line_ends(case):
    plain = {case.streams[name].text for name in ("lf", "crlf", "cr", "tight", "comments")}
    assert len(plain) == 1
    if "\r" not in case.text:
        assert plain == {case.text}


def test_every_byte_inside_of_a_character_is_a_place_to_cut():
    for case in TEXTS.values():
        for stream in case.streams.values():
            inside = {at for at, byte in enumerate(stream.body) if byte & 0xC0 == 0x80}
            assert inside <= set(stream.cuts)


@pytest.mark.parametrize("writing", WRITINGS)
def test_all_texts_can_be_sent_as_one_and_told_apart(writing):
    stream = all_as(writing)
    assert data_of(stream.segments()) == stream.data
    expected = {name: case.streams[writing].text for name, case in TEXTS.items()}
    assert differences(text_of(stream.data, writing), expected) == {}


def test_a_text_that_is_lost_or_changed_is_named():
    expected = {name: case.text for name, case in TEXTS.items()}
    whole = "".join(all_tokens()).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert differences(whole, expected) == {}
    changed = whole.replace("\u2028", "\n").replace("[[nul]]", "")
    assert set(differences(changed, expected)) >= {"line_separator", "nul"}
    assert set(differences("", expected)) == set(TEXTS)


# The server.


@contextmanager
def served():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=[0.01])
        serving.start()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", server.server_port)) as connection:
                yield connection
        finally:
            server.shutdown()
            serving.join()


def asked(connection, path, method="GET"):
    connection.request(method, path)
    return connection.getresponse()


def pieces_of(response):
    """What came in each chunk, also where its bytes came in two reads."""
    pieces = []
    with response:
        while True:
            size = int(response.fp.readline(), 16)
            pieces.append(response.fp.read(size))
            assert response.fp.readline() == b"\r\n"
            if not size:
                return pieces[:-1]


def test_the_server_sends_each_stream_in_the_segments_of_its_file():
    with served() as connection:
        for path in ("emoji/crlf", "cjk", "all/json_ascii", "utf8_invalid"):
            stream = stream_at(path)
            pieces = pieces_of(asked(connection, f"/{path}"))
            assert pieces == [piece for piece in stream.segments() if piece], path
            assert data_of(pieces) == stream.data


def test_a_character_comes_in_as_many_segments_as_it_has_bytes():
    with served() as connection:
        rocket = "\U0001f680".encode()
        pieces = pieces_of(asked(connection, "/emoji?cut=bytes", "POST"))
    at = pieces.index(rocket[:1])
    assert pieces[at:at + 4] == list(segments(rocket, [1, 2, 3]))


def test_the_server_has_the_manifest_and_what_each_case_has_to_give():
    with served() as connection:
        manifest = json.loads(asked(connection, "/").read())
        assert {*manifest["texts"], *manifest["parser"]} == {*TEXTS, *PARSER}
        emoji = json.loads(asked(connection, "/emoji.json").read())
        assert emoji["streams"]["lf"]["text"] == TEXTS["emoji"].text
        retry = json.loads(asked(connection, "/retry_digits.json").read())
        assert retry["retry"] == PARSER["retry_digits"].expected["retry"]
        whole = json.loads(asked(connection, "/all.json").read())["streams"]["lf"]
        assert whole["text"] == all_as("lf").text


@pytest.mark.parametrize(
    "path, status", [("/none", 404), ("/emoji/none", 404), ("/emoji?cut=x", 400)]
)
def test_what_the_server_has_not_is_told(path, status):
    with served() as connection:
        response = asked(connection, path)
        assert response.status == status
        assert response.read()

"""The gallery shows real streams side by side, and what their strategies really do."""

from __future__ import annotations

import contextlib
import itertools
import json
import urllib.error
import urllib.request

import pytest

from tests.support.servers import serving

COMMAND = "-m flask run --port {port}"


@pytest.fixture(scope="module")
def site():
    """The sample application, without a model, as ``flask run`` serves it."""
    with serving(COMMAND, FLASK_APP="sample_app", LLM_BASE_URL="http://127.0.0.1:9") as live:
        yield live


def snapshots(site, path):
    """The objects of the stream, one for each event."""
    with site.request("GET", path) as reader:
        reader.block()
        for block in iter(reader.block, b""):
            yield json.loads(block.partition(b"data: ")[2].partition(b"\n")[0])


def set_speed(site, visit, items_per_second):
    return post_speed(site, visit, json.dumps({"items_per_second": items_per_second}).encode())


def post_speed(site, visit, body):
    url = f"http://127.0.0.1:{site.port}/gallery/{visit}/speed"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def stalled(site):
    """What the page shows once the source of a stalled reader has sent a hundred items."""
    for seen in snapshots(site, "/gallery/stalled/races?rate=500&speed=0"):
        if seen["latest"]["sent"] >= 100 and seen["error"]["ended"]:
            return seen


def test_block_has_the_source_wait(stalled):
    assert stalled["block"]["source_waits"]
    assert stalled["block"]["lost"] == 0


def test_buffer_and_coalesce_lose_nothing(stalled):
    for strategy in ("buffer", "coalesce"):
        assert stalled[strategy]["lost"] == 0
        waiting = stalled[strategy]["waiting"] + stalled[strategy]["on_the_way"]
        assert waiting == stalled[strategy]["sent"]


def test_drop_keeps_the_oldest_and_latest_the_newest(stalled):
    drop, latest = stalled["drop"], stalled["latest"]
    assert drop["tape"][-1] == "l"
    assert latest["tape"][-1] == "w"
    assert drop["waiting"] <= 8 and latest["waiting"] <= 9


def test_error_ends_and_missing_has_one_item_under_way(stalled):
    assert stalled["error"]["ended"] == "overflow"
    assert stalled["missing"]["waiting"] <= 1


def test_no_card_counts_an_item_as_arrived_before_it_counts_it_as_sent(site):
    fast = snapshots(site, "/gallery/fast/races?rate=500&speed=500")
    for seen in itertools.islice(fast, 30):
        for card in seen.values():
            assert card["waiting"] >= 0
            assert card["sent"] >= card["delivered"] + card["on_the_way"] + card["lost"]


@pytest.mark.parametrize("way", ["emitter", "flowable", "flux"])
def test_the_counter_counts_in_each_of_its_forms(site, way):
    told = [seen.get("message") for seen in snapshots(site, f"/gallery/counter/{way}")]
    assert told == [*map(str, range(10)), ""]


@pytest.mark.parametrize("speed", [-1, 501, "fast", None])
def test_a_speed_that_cant_be_is_refused(site, speed):
    with pytest.raises(urllib.error.HTTPError) as refused:
        set_speed(site, "someone", speed)
    assert refused.value.code == 400
    refused.value.close()


@pytest.mark.parametrize("body", [b"[1]", b'"fast"', b"null", b"7", b"{", b""])
def test_a_body_that_is_no_object_is_refused(site, body):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post_speed(site, "someone", body)
    assert refused.value.code == 400
    refused.value.close()


def test_the_speed_of_who_does_not_watch_is_kept_by_nobody(site):
    with pytest.raises(urllib.error.HTTPError) as refused:
        set_speed(site, "nobody", 10)
    assert refused.value.code == 404
    refused.value.close()


def test_who_watches_can_stall_the_readers_and_let_them_go_on(site):
    taken = 0
    for seen in snapshots(site, "/gallery/whoever/races?rate=500&speed=0"):
        taken = seen["block"]["delivered"]
        if taken:
            break
        set_speed(site, "whoever", 500)
    assert taken


@pytest.mark.parametrize(
    "path, most", [("/gallery/greedy/races", 20), ("/gallery/counter/flux", 50)]
)
def test_only_so_many_watch_and_the_chat_has_its_slots(site, path, most):
    with contextlib.ExitStack() as stack:
        viewers = [stack.enter_context(site.request("GET", path)) for _ in range(most)]
        for viewer in viewers:
            viewer.block()
        with site.request("GET", path) as one_more:
            assert b"gallery_full" in one_more.block() + one_more.block()
        with site.request("GET", "/v1/chat/stream") as chat:
            assert b"event: opened" in chat.block()


def test_a_viewer_who_has_left_leaves_a_seat(site):
    for _ in range(25):
        with site.request("GET", "/gallery/passing/races") as viewer:
            assert b"gallery_full" not in viewer.block()

"""AG-UI's own client reads a run as the model made it, and finds no event in a wrong place."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.clients.clients import NodeGroup
from tests.conftest import needs
from tests.support.servers import GEVENT, HANG_GUARD, serving

AG_UI = NodeGroup("node/ag_ui")


@pytest.fixture(scope="module")
def live():
    needs(f"@ag-ui/client {AG_UI.version('@ag-ui/client')}", AG_UI.installed)
    with serving(GEVENT.command.replace("{app}", "tests.live_apps.ag_ui:app")) as live:
        yield live


@pytest.fixture(scope="module")
def scenes(live):
    """What the client told of each scene, and its warnings."""
    address = {"APP": f"http://127.0.0.1:{live.port}"}
    ran = subprocess.run(
        AG_UI.command("with_ag_ui"),
        env={**os.environ, **address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=HANG_GUARD * 2,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    scenes = {line.get("scene"): line for line in lines if "scene" in line}
    scenes["warnings"] = [line["warning"] for line in lines if "warning" in line]
    return scenes


def kinds(scene):
    return [event["type"] for event in scene["events"]]


def test_nothing_that_is_sent_is_unknown_to_it(scenes):
    assert scenes["warnings"] == []


def test_reasoning_text_and_calls_are_messages_of_their_own(scenes):
    thought, said = scenes["calls"]["messages"]
    assert (thought["role"], thought["content"]) == ("reasoning", "I look it up.")
    assert (said["role"], said["content"]) == ("assistant", "Let me see.")
    calls = [(call["id"], call["function"]["arguments"]) for call in said["toolCalls"]]
    assert calls == [("call_1", '{"city":"Rome"}'), ("call_2", '{"city":"Oslo"}')]


def test_the_results_of_its_tools_reach_the_model_in_the_next_run(scenes, live):
    calls = [
        {"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}}
        for id, arguments in (("call_1", '{"city":"Rome"}'), ("call_2", '{"city":"Oslo"}'))
    ]
    assert live.get("/asked")[1] == [
        {"role": "system", "content": "Context:\n\nThe user: Ann"},
        {"role": "user", "content": "the weather?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "sunny"},
    ]
    assert [each["content"] for each in scenes["result"]["messages"]] == [
        "I was told. So I tell.",
        "It is sunny😀.",
    ]


def test_the_end_of_a_run_tells_what_it_cost(scenes):
    end = scenes["result"]["events"][-1]
    assert end["usage"] == [
        {
            "model": "model",
            "inputTokens": 5,
            "outputTokens": 7,
            "totalTokens": 12,
            "reasoningTokens": 2,
        }
    ]
    assert (end["type"], end["metadata"]) == ("RUN_FINISHED", {"finishReason": "stop"})
    assert scenes["calls"]["events"][-1]["metadata"] == {"finishReason": "tool_calls"}


def test_an_early_failure_rejects_the_run_with_its_status(scenes):
    failed = scenes["be busy"]
    assert (failed["status"], failed["events"]) == (429, [])
    assert failed["payload"]["message"] == "Too many questions."
    assert failed["payload"]["metadata"]["retryAfter"] == 7


def test_a_late_failure_is_the_event_of_the_end(scenes):
    *_, end = scenes["break"]["events"]
    assert (end["type"], end["code"], end["message"]) == ("RUN_ERROR", "broke", "The model broke.")


def test_a_run_that_it_aborts_ends_the_model(scenes, live):
    assert kinds(scenes["abort"])[:3] == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
    ]
    assert live.get(f"/closed?seconds={HANG_GUARD / 2}") == {"closed": True}
    assert live.frees_all_slots()


def test_an_agent_of_one_s_own_gives_state_steps_results_and_values(scenes):
    agent = scenes["agent"]
    assert (agent["state"], agent["result"]) == ({"found": 3}, {"count": 3})
    said = [(each["role"], each["content"]) for each in agent["messages"]]
    assert said == [
        ("assistant", "I search."),
        ("tool", "three"),
        ("assistant", "There are three."),
    ]
    (custom,) = [event for event in agent["events"] if event["type"] == "CUSTOM"]
    assert (custom["name"], custom["value"]) == ("data", {"sources": ["a", "b"]})
    assert kinds(agent)[-2:] == ["STEP_FINISHED", "RUN_FINISHED"]

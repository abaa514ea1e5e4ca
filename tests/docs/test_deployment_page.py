"""docs/deployment.md: its file for Kubernetes fits its other files, and its log line is ours.

No cluster runs the file here, and no schema is asked: the one that Kubernetes has takes 100 MB.
"""

from __future__ import annotations

import re

import pytest
import yaml

from tests.docs.pages import blocks_of
from tests.support.programs import ROOT

GUNICORN, APP = blocks_of("deployment.md")
(DOCKERFILE,) = blocks_of("deployment.md", "dockerfile")
(KUBERNETES,) = (file for file in blocks_of("deployment.md", "yaml") if "apiVersion" in file)
(LOGGED,) = blocks_of("deployment.md", "text")
MONITOR = (ROOT / "flask_llmstream/runtime/hub_monitor/monitor.py").read_text("utf-8")

DEPLOYMENT, SERVICE, INGRESS = yaml.safe_load_all(KUBERNETES)
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
PROBES = [CONTAINER["readinessProbe"], CONTAINER["livenessProbe"]]


@pytest.fixture
def app(monkeypatch):
    """The application of the page, with the environment of the container."""
    for variable in CONTAINER["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "of this test"))
    monkeypatch.setenv("REDIS_URL", "memory://")
    names = {"__name__": "app"}
    exec(compile(APP, "app.py", "exec"), names)
    return names["app"]


def test_the_kinds():
    kinds = [document["kind"] for document in (DEPLOYMENT, SERVICE, INGRESS)]
    assert kinds == ["Deployment", "Service", "Ingress"]


def test_a_pod_has_time_for_its_sleep_and_for_its_streams():
    (graceful,) = re.findall(r"^graceful_timeout = (\d+)", GUNICORN, re.MULTILINE)
    program, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    assert POD["terminationGracePeriodSeconds"] > int(seconds) + int(graceful)


def test_the_comment_has_the_numbers_of_the_files():
    ((slept, graceful),) = re.findall(r"preStop's (\d+) s .*_timeout of (\d+) s", KUBERNETES)
    assert CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1] == slept
    assert f"\ngraceful_timeout = {graceful} " in GUNICORN


@pytest.mark.parametrize("probe", PROBES, ids=["readiness", "liveness"])
def test_a_probe_is_a_plain_view(app, probe):
    with app.test_client().get(probe["httpGet"]["path"]) as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert answer.content_length == len(answer.data)


def test_the_container_has_the_variables_that_the_application_reads():
    read = re.findall(r'os\.environ(?:\.get\(|\[)"(\w+)"', APP)
    assert {variable["name"] for variable in CONTAINER["env"]} == {*read} - {"LLM_KEY"}


def test_the_port_is_the_image_s():
    (port,) = CONTAINER["ports"]
    assert f"EXPOSE {port['containerPort']}\n" in DOCKERFILE
    assert f'"0.0.0.0:{port["containerPort"]}"' in DOCKERFILE
    assert {probe["httpGet"]["port"] for probe in PROBES} == {port["name"]}


def test_the_service_finds_the_pods():
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert SERVICE["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    (port,) = SERVICE["spec"]["ports"]
    assert port["targetPort"] == CONTAINER["ports"][0]["name"]


def test_the_ingress_finds_the_service():
    (rule,) = INGRESS["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = {"name": SERVICE["metadata"]["name"], "port": {"name": "http"}}
    assert path["backend"]["service"] == service
    assert SERVICE["spec"]["ports"][0]["name"] == "http"
    assert INGRESS["spec"]["tls"][0]["hosts"] == [rule["host"]]


def test_annotations_are_texts():
    """Kubernetes refuses a number there."""
    assert {type(value) for value in INGRESS["metadata"]["annotations"].values()} == {str}


def test_the_log_says_so_when_the_hub_is_held():
    (template,) = re.findall(r'"(%s has held the hub %s, at [^"]*) "', MONITOR)
    pattern = ".+".join(map(re.escape, template.split("%s")))
    assert re.fullmatch(pattern, LOGGED.strip())

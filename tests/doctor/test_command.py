"""The command ``flask llmstream doctor``: its output and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from flask_llmstream import ConfigurationError
from tests.support.servers import ROOT, free_port

PATCH = "from gevent import monkey; monkey.patch_all()"
APP = "from flask import Flask\nfrom flask_llmstream import LLMStream\napp = Flask(__name__)\n"


@pytest.fixture(autouse=True)
def an_empty_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GUNICORN_CMD_ARGS", "LLMSTREAM_DOCTOR_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def doctor(make_app):
    """Call the command of an app with this config, in this process, which is not patched."""

    def call(*arguments, **config):
        runner = make_app(**config).test_cli_runner()
        return runner.invoke(args=["llmstream", "doctor", *arguments])

    return call


def in_a_process(tmp_path, *lines, arguments=("--json",)):
    """Call the command of an app with these lines, as a shell does."""
    (tmp_path / "shop.py").write_text("\n".join(lines), encoding="utf-8")
    paths = f"{tmp_path}{os.pathsep}{ROOT}"
    variables = {**os.environ, "FLASK_APP": "shop:app", "PYTHONPATH": paths}
    command = [sys.executable, "-m", "flask", "llmstream", "doctor", *arguments]
    return subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
    )


def levels(printed):
    """The level of each check in the JSON."""
    return {finding["check"]: finding["level"] for finding in json.loads(printed)["findings"]}


def test_an_app_that_patches_first_thing_is_well(tmp_path):
    done = in_a_process(tmp_path, PATCH, "import requests", APP, "LLMStream(app)")
    assert set(levels(done.stdout).values()) == {"ok"}
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_app_that_patches_late_is_not(tmp_path):
    done = in_a_process(tmp_path, "import requests", PATCH, APP, "LLMStream(app)")
    assert levels(done.stdout)["late-patching"] == "error"
    assert done.returncode == 1


def test_an_app_that_does_not_patch_is_warned_of(tmp_path):
    done = in_a_process(tmp_path, APP, "LLMStream(app)")
    assert levels(done.stdout)["worker"] == "warning"
    assert done.returncode == 0


def test_the_line_that_mends_it_names_the_app_s_file(tmp_path):
    done = in_a_process(tmp_path, APP, "LLMStream(app)", arguments=())
    assert "Mend it in the first line of shop.py, for flask run" in done.stdout.decode()
    assert f"    {PATCH}\n" in done.stdout.decode()


def test_gunicorn_s_configuration_in_the_same_place_is_read(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("print('hello')\nworkers = 4", encoding="utf-8")
    done = in_a_process(tmp_path, APP, "LLMStream(app)")
    assert (levels(done.stdout)["worker"], levels(done.stdout)["timeout"]) == ("error", "error")


def test_the_command_comes_without_the_libraries_that_have_to_be_patched(tmp_path):
    told = "import sys; print([name for name in ('requests', 'urllib3') if name in sys.modules])"
    done = in_a_process(tmp_path, APP, "LLMStream(app)", told)
    assert done.stdout.startswith(b"[]\n")


def test_a_route_that_was_added_where_one_of_ours_is_is_found(make_app):
    app = make_app()
    app.add_url_rule("/v1/models", "own", lambda: "the app's own")
    done = app.test_cli_runner().invoke(args=["llmstream", "doctor", "--json"])
    assert (levels(done.output)["routes"], done.exit_code) == ("error", 1)


def test_it_says_what_it_is_for(doctor):
    done = doctor("--help")
    assert done.exit_code == 0 and "the line that mends it" in done.output


def test_gunicorn_s_command_line_can_be_given(doctor):
    done = doctor("--json", "--gunicorn", "gunicorn -k gthread --threads 4 app:app")
    assert levels(done.output)["connections"] == "warning"


def test_gunicorn_s_configuration_can_be_named(doctor, tmp_path):
    (tmp_path / "production.py").write_text("threads = 4", encoding="utf-8")
    done = doctor("--json", "--config", "production.py")
    assert levels(done.output)["connections"] == "warning"


def test_warnings_fail_only_where_they_are_asked_to(doctor):
    assert doctor(LLMSTREAM_HEARTBEAT=60).exit_code == 0
    assert doctor("--strict", LLMSTREAM_HEARTBEAT=60).exit_code == 1


def test_errors_fail(doctor):
    assert doctor("--gunicorn", "app:app").exit_code == 1


def test_nothing_wrong_is_well_even_when_strict(doctor):
    done = doctor("--strict", LLMSTREAM_WORKER="thread")
    assert done.exit_code == 0
    assert done.output.endswith("\n0 errors, 0 warnings, 6 ok\n")


def test_json_is_one_document_and_tells_all(doctor):
    done = doctor("--json", LLMSTREAM_HEARTBEAT=60)
    document = json.loads(done.output)
    assert list(document) == ["looked_at", "versions", "status", "exit_status", "findings"]
    assert (document["status"], document["exit_status"]) == ("warning", 0)
    finding = next(one for one in document["findings"] if one["check"] == "heartbeat")
    assert finding["level"] == "warning"
    assert finding["mend"]["line"] == 'app.config["LLMSTREAM_HEARTBEAT"] = 15'
    assert set(finding) == {"check", "level", "seen", "why", "mend", "figures"}


def test_versions_are_told(doctor):
    versions = json.loads(doctor("--json").output)["versions"]
    assert {"python", "flask", "gevent", "gunicorn"} <= set(versions)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--url", "chat.example.org"], "does not begin with https:// or http:// and a host"),
        (["--url", "ftp://example.org"], "does not begin with https:// or http:// and a host"),
        (["--url", "http://example.org:port"], "http://example.org:port"),
        (["--url", "http://[::1"], "http://[::1"),
        (["--url", "http://x", "--header", "Cookie"], "has no colon; write 'Name: value'"),
        (["--url", "http://x", "--header", "Cookie: session=…"], "Cookie has a character"),
        (["--url", "http://x", "--token", "secret\nX-Injected: yes"], "LLMStream-Doctor-Token has"),
        (["--url", "https://a..b"], "does not begin with https:// or http:// and a host"),
        (["--url", "https://me:secret@example.org"], "example.org needs --header 'Authorization"),
        (["--url", "http://x", "--silence", "0"], "0"),
        (["--url", "http://x", "--silence", "601"], "601"),
        (["--url", "http://x", "--gunicorn", "app:app"], "--url measures a site"),
        (["--url", "http://x", "--config", "x.py"], "--url measures a site"),
        (["--verbose"], "--verbose"),
    ],
)
def test_a_call_that_can_t_work_is_told_by_its_option(doctor, arguments, complaint):
    done = doctor(*arguments)
    assert done.exit_code == 2
    assert complaint in done.output


def test_a_site_that_can_t_be_reached_is_none_to_be_judged(doctor):
    port = free_port()
    done = doctor("--json", "--url", f"http://127.0.0.1:{port}")
    document = json.loads(done.output)
    assert (done.exit_code, document["exit_status"]) == (2, 2)
    (finding,) = document["findings"]
    assert finding["seen"] == f"nobody listens at http://127.0.0.1:{port}"


@pytest.mark.parametrize("token", ["", "too short", 7, b"0123456789abcdef"])
def test_a_token_that_is_no_secret_is_refused_and_kept_out_of_the_log(make_app, token):
    with pytest.raises(ConfigurationError, match="^LLMSTREAM_DOCTOR_TOKEN: ") as refused:
        make_app(LLMSTREAM_DOCTOR_TOKEN=token)
    assert repr(token) not in str(refused.value)

"""Late patching is found afterwards. Each test has its own process: patching can't be undone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.servers import ROOT

PATCH = "from gevent import monkey; monkey.patch_all()"
TOOK_SLEEP = "from time import sleep"


def run_shop(tmp_path, *lines):
    """What is patched, and what has leaked, in a process whose application has these lines."""
    (tmp_path / "shop.py").write_text("\n".join(lines), encoding="utf-8")
    script = f"""if True:
        import json, sys, warnings
        warnings.simplefilter("ignore")
        sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]
        import flask.cli, shop
        from flask_llmstream.doctor.unpatched import leaked_originals, patched_modules
        print(json.dumps([sorted(patched_modules()), list(map(str, leaked_originals()))]))"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def leaked_in(tmp_path, *lines):
    return run_shop(tmp_path, *lines)[1]


def test_patching_first_leaves_no_original_in_anybody_s_hands(tmp_path):
    assert leaked_in(tmp_path, PATCH, "import requests, subprocess", TOOK_SLEEP) == []


def test_a_function_that_was_taken_before_is_found_with_its_holder(tmp_path):
    assert leaked_in(tmp_path, TOOK_SLEEP, PATCH) == ["shop (time.sleep)"]


def test_a_library_that_was_imported_before_is_found(tmp_path):
    assert "urllib3.util.ssl_ (ssl.SSLContext)" in leaked_in(tmp_path, "import requests", PATCH)


def test_a_class_made_of_an_original_is_found(tmp_path):
    made = "import ssl\nclass Mine(ssl.SSLContext): pass"
    assert leaked_in(tmp_path, made) == ["shop (ssl.SSLContext)"]


def test_a_class_made_of_gevent_s_own_is_none(tmp_path):
    made = "import ssl\nclass Mine(ssl.SSLContext): pass"
    assert leaked_in(tmp_path, PATCH, made) == []


def test_an_original_of_another_name_is_found(tmp_path):
    assert leaked_in(tmp_path, "from time import sleep as pause", PATCH) == ["shop (time.sleep)"]


def test_a_module_that_was_imported_as_a_whole_keeps_nothing(tmp_path):
    assert leaked_in(tmp_path, "import time, socket, ssl", PATCH) == []


def test_what_would_be_an_original_is_told_before_any_patching(tmp_path):
    assert run_shop(tmp_path, TOOK_SLEEP) == [[], ["shop (time.sleep)"]]


@pytest.mark.parametrize(
    "patch, patched",
    [
        ("", []),
        (PATCH, ["select", "socket", "ssl", "subprocess", "threading", "time"]),
        (
            "from gevent import monkey; monkey.patch_all(thread=False, subprocess=False)",
            ["select", "socket", "ssl", "time"],
        ),
    ],
)
def test_it_tells_what_is_patched(tmp_path, patch, patched):
    assert run_shop(tmp_path, patch)[0] == patched

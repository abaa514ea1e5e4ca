"""The three browser engines, each in a browser that Debian has, without a screen."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any, Iterator

from tests.conftest import needs
from tests.support.servers import HANG_GUARD, free_port, serving
from tests.support.webdriver import Browser, Marionette, WebDriver


class Chromium(Browser):
    """Its driver has more than the standard: the console, and the DevTools protocol."""

    def console(self) -> Any:
        """The messages since the last call, but for those on the icon of a page that names none.
        The browser asks for it at a moment of its own."""
        told = self._tell("POST", "se/log", "", type="browser")
        return [line for line in told if "/favicon.ico" not in line["message"]]

    def command(self, name: str, **parameters: Any) -> Any:
        """Run a command of the DevTools protocol."""
        return self._tell("POST", "goog/cdp/execute", "", cmd=name, params=parameters)

    def lifecycle(self, state: str) -> None:
        """Freeze the page as a browser does to save energy (``frozen``), or go on (``active``)."""
        self.command("Page.setWebLifecycleState", state=state)


CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ELSEWHERE = ["evil.test", "friend.test", "site.test"]
"""Names of this machine. Browsers treat them as other sites."""


@contextlib.contextmanager
def chromium(languages: str = "en-US") -> Iterator[Browser]:
    """The browser of a visitor who reads these languages, the most wanted first."""
    needs("Chromium", shutil.which("chromium") and shutil.which("chromedriver"))
    names = "--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1" for name in ELSEWHERE)
    reads = f"--accept-lang={languages}"
    options = {"binary": shutil.which("chromium"), "args": [*CHROMIUM, names, reads]}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    with serving("chromedriver --port={port}") as live:
        with contextlib.closing(WebDriver(live.port, **wanted)) as driver:
            yield Chromium(driver)


@contextlib.contextmanager
def firefox() -> Iterator[Browser]:
    needs("Firefox", shutil.which("firefox-esr"))
    port = free_port()
    with tempfile.TemporaryDirectory() as profile:
        names = f'user_pref("network.dns.localDomains", "{",".join(ELSEWHERE)}");\n'
        port_of_ours = f'user_pref("marionette.port", {port});\n'
        pathlib.Path(profile, "user.js").write_text(port_of_ours + names)
        command = f"firefox-esr --headless --marionette --profile {profile}"
        with serving(command, port) as live:
            with contextlib.closing(Marionette(live.port)) as driver:
                yield Browser(driver)


@contextlib.contextmanager
def webkit() -> Iterator[Browser]:
    mini_browser = next(pathlib.Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None)
    needs("WebKit", mini_browser and shutil.which("WebKitWebDriver") and shutil.which("Xvfb"))
    options = {"binary": str(mini_browser), "args": ["--automation"]}
    with screen() as display, serving("WebKitWebDriver --port={port}", DISPLAY=display) as live:
        wanted = {"webkitgtk:browserOptions": options}
        with contextlib.closing(WebDriver(live.port, **wanted)) as driver:
            yield Browser(driver)


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """The name of an invisible screen. MiniBrowser needs one."""
    told, telling = os.pipe()
    command = ["Xvfb", "-displayfd", str(telling), "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[telling], stderr=subprocess.DEVNULL)
    os.close(telling)
    try:
        with open(told) as name:
            yield ":" + name.readline().strip()
    finally:
        process.terminate()
        process.wait(HANG_GUARD)


BROWSERS = {"Chromium": chromium, "Firefox": firefox, "WebKit": webkit}

"""Drives a browser's window by the commands of W3C WebDriver: over HTTP, or over Marionette.

Debian has the drivers of Chromium and WebKit, which speak HTTP. It has no driver for Firefox: that
would only translate to Marionette, Firefox's own protocol, which has the same commands.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
from typing import Any, Dict, Iterator

from tests.support.servers import HANG_GUARD

PATIENCE = 2 * HANG_GUARD
"""Seconds that one command may take."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of a reference to an element (W3C WebDriver, section 12.1)."""


class Browser:
    """One window.

    :param tell: sends a command, given its method, path, name and parameters; returns the result.
    """

    def __init__(self, tell: Any) -> None:
        self._tell = tell

    def open(self, url: str) -> None:
        """Load a page, and wait until it is loaded."""
        self._tell("POST", "url", "Navigate", url=url)

    def back(self) -> None:
        self._tell("POST", "back", "Back")

    def reload(self) -> None:
        self._tell("POST", "refresh", "Refresh")

    @contextlib.contextmanager
    def another_tab(self) -> Iterator[None]:
        """A new tab, which the commands of the block go to. It is closed at the end."""
        first = self._tell("GET", "window", "GetWindowHandle")
        other = self._tell("POST", "window/new", "NewWindow", type="tab")["handle"]
        self._switch_to(other)
        try:
            yield
        finally:
            self._tell("DELETE", "window", "CloseWindow")
            self._switch_to(first)

    def _switch_to(self, handle: str) -> None:
        self._tell("POST", "window", "SwitchToWindow", handle=handle)

    def run(self, script: str, *arguments: Any) -> Any:
        """The result of a function with this body."""
        command = "POST", "execute/sync", "ExecuteScript"
        return self._tell(*command, script=script, args=list(arguments))

    def wait(self, expression: str, *arguments: Any) -> None:
        """Wait until the expression is true. It may throw while the page is being loaded."""
        pause = threading.Event()
        is_true = f"try {{ return Boolean({expression}); }} catch {{ return false; }}"
        for _ in range(HANG_GUARD * 50):
            if self.run(is_true, *arguments):
                return
            pause.wait(0.02)
        raise AssertionError(f"was never true: {expression} {arguments}\n{self.text()}")

    def text(self, selector: str = "body") -> str:
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def shows(self, selector: str, text: str) -> None:
        """Wait until an element has this text."""
        shown = "document.querySelector(arguments[0]).textContent"
        self.wait(f"{shown} === arguments[1]", selector, text)

    def console(self) -> Any:
        """The new lines of the console. WebDriver has no command for it."""
        return []

    def click(self, selector: str) -> None:
        element = self._element(selector)
        self._tell("POST", f"element/{element}/click", "ElementClick", id=element)

    def type(self, selector: str, text: str) -> None:
        """Type into an element."""
        element = self._element(selector)
        self._tell("POST", f"element/{element}/value", "ElementSendKeys", id=element, text=text)

    def picture(self) -> bytes:
        """The window as a PNG."""
        return base64.b64decode(self._tell("GET", "screenshot", "TakeScreenshot", full=False))

    def _element(self, selector: str) -> str:
        sought = {"using": "css selector", "value": selector}
        reference: str = self._tell("POST", "element", "FindElement", **sought)[ELEMENT]
        return reference


class WebDriver:
    """A session over HTTP, with the browser's driver."""

    def __init__(self, port: int, **capabilities: Any) -> None:
        self._port = port
        wanted = {"capabilities": {"alwaysMatch": capabilities}}
        self._session = "/session/" + self._request("POST", "/session", wanted)["sessionId"]

    def __call__(self, method: str, path: str, _: str, **parameters: Any) -> Any:
        return self._request(method, f"{self._session}/{path}", parameters)

    def close(self) -> None:
        self._request("DELETE", self._session, {})

    def _request(self, method: str, path: str, parameters: Dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(parameters) if method == "POST" else None)
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        assert response.status == 200, value
        return value


class Marionette:
    """A session with Firefox. A command is its length and ``[0, number, name, parameters]``."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._answers = self._socket.makefile("rb")
        self._receive()  # it greets
        self._send("WebDriver:NewSession", {})

    def __call__(self, _: str, __: str, name: str, **parameters: Any) -> Any:
        return self._send(f"WebDriver:{name}", parameters)

    def close(self) -> None:
        with contextlib.closing(self._socket), contextlib.closing(self._answers):
            self._send("Marionette:Quit", {"flags": ["eForceQuit"]})

    def _send(self, name: str, parameters: Dict[str, Any]) -> Any:
        command = json.dumps([0, 0, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(command), command))
        _, _, error, result = self._receive()
        assert error is None, error
        return result["value"] if set(result) == {"value"} else result

    def _receive(self) -> Any:
        length = b"".join(iter(lambda: self._answers.read(1), b":"))
        return json.loads(self._answers.read(int(length)))

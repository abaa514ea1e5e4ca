"""``ChatPage``: the page of the sample application in a browser, in the words of its user."""

from __future__ import annotations

from typing import Any

from tests.support.webdriver import Browser

ENTER, ESCAPE, SHIFT, RIGHT = "\ue007", "\ue00c", "\ue008", "\ue014"
"""Keys, in WebDriver's words. Shift is held until the end of what is typed."""

ANSWER = ".exchange:last-child .text"
LAST = ".exchange:last-child "


class ChatPage:
    """The page.

    :ivar browser: the window that shows it.
    """

    def __init__(self, browser: Browser, port: int) -> None:
        self.browser = browser
        self._port = port

    def open(self, path: str = "/") -> None:
        self.browser.open(f"http://127.0.0.1:{self._port}{path}")
        if path == "/":
            self.browser.wait("document.querySelector('#model')?.length")

    def open_anew(self) -> None:
        """Open it in a browser that keeps no conversation."""
        self.open("/static/page.css")
        self.browser.run("localStorage.clear(); sessionStorage.clear()")
        self.open()

    def ask(self, question: str, method: str = "post") -> None:
        if method != "post":
            self.look_behind_the_scenes()
            self.browser.click(f"#method-{method}")
        self.browser.type("#prompt", question + ENTER)
        self.is_busy()

    def is_busy(self) -> None:
        """Wait until an answer is being written."""
        self.browser.wait("!document.querySelector('#stop').hidden")

    def look_behind_the_scenes(self) -> None:
        self.browser.run("document.querySelector('#scenes').scrollIntoView({ block: 'end' })")
        self.browser.click("#scenes summary")

    def answers(self, text: str) -> None:
        """Wait until the newest answer has this text, but for the line breaks round it."""
        shown = "document.querySelector(arguments[0])?.textContent.trim() === arguments[1].trim()"
        self.browser.wait(shown, ANSWER, text)

    def is_in(self, state: str) -> None:
        """Wait until the newest answer is in this state."""
        self.browser.wait("document.querySelector('#state').dataset.state === arguments[0]", state)

    def shows(self, selector: str, text: str) -> None:
        self.browser.shows(LAST + selector, text)

    def click(self, selector: str) -> None:
        """Click something of the newest exchange."""
        self.browser.click(LAST + selector)

    def questions(self) -> Any:
        return self.texts(".question")

    def texts(self, selector: str) -> Any:
        """The texts of all elements that the selector finds."""
        found = "document.querySelectorAll(arguments[0])"
        return self.browser.run(f"return Array.from({found}, (each) => each.textContent)", selector)

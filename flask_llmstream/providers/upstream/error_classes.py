"""``refusal_of``: the class of an error of a model's server, by its numbers and its words.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Optional


class Refusal(NamedTuple):
    """One class of errors: what the client is told.

    :ivar status: the HTTP status for the client.
    :ivar code: the class, a stable word.
    :ivar message: one sentence. To that of a rejected request the server's words are added.
    :ivar may_pass: whether the same request may soon be answered.
    """

    status: int
    code: str
    message: str
    may_pass: bool = False

    @property
    def blames_request(self) -> bool:
        """Whether the request is at fault, so that the server's words are for the client."""
        return self.code == "provider_rejected"


_REJECTED = Refusal(400, "provider_rejected", "The model's server rejected the request")
_TOO_LARGE = _REJECTED._replace(status=413)
_KEY = Refusal(502, "provider_key", "The model's server refused the key it was called with.")
_MOVED = Refusal(502, "provider_moved", "The model's server has another address now.")
_NOT_FOUND = Refusal(502, "provider_not_found", "There is no such model or path at the upstream.")
_LIMIT = Refusal(429, "provider_limit", "The model's server takes no more requests for now.", True)
_USED_UP = _LIMIT._replace(may_pass=False)  # only money or a new month helps
_BUSY = Refusal(503, "provider_busy", "The model's server is not available for now.", True)
UNREACHABLE = Refusal(502, "provider_unreachable", "The model's server can't be reached.", True)
TIMEOUT = Refusal(504, "provider_timeout", "The model's server did not answer in time.")
_NOT_ASKED = TIMEOUT._replace(may_pass=True)  # after any other timeout the model may be working
ABORTED = Refusal(502, "aborted", "The answer was stopped.")
_OTHER = Refusal(502, "provider_error", "The model's server failed.")
_FAILED = _OTHER._replace(may_pass=True)

_BY_STATUS = {
    **dict.fromkeys((301, 302, 303, 307, 308), _MOVED),
    **dict.fromkeys((400, 415, 422, 451), _REJECTED),  # 451: refused by a moderation
    413: _TOO_LARGE,
    **dict.fromkeys((401, 403), _KEY),
    **dict.fromkeys((404, 405, 410), _NOT_FOUND),
    402: _USED_UP,
    429: _LIMIT,
    **dict.fromkeys((409, 425, 503, 529), _BUSY),  # 529: Anthropic's
    **dict.fromkeys((521, 523), UNREACHABLE),  # from 520: Cloudflare's
    **dict.fromkeys((408, 522), _NOT_ASKED),
    **dict.fromkeys((504, 524), TIMEOUT),
}

_NEVER = (501, 505)
"""The statuses of a server that will not do it the next time either."""

_BY_WORD = (
    (_USED_UP, ("quota", "billing", "insufficientbalance", "insufficientcredit",
                "insufficientfunds", "paymentrequired", "arrear")),
    (_LIMIT, ("ratelimit", "toomanyrequests", "resourceexhausted", "throttl", "concurren")),
    (_BUSY, ("overload", "unavailable", "busy", "slowdown", "capacity", "conflicterror")),
    (TIMEOUT, ("timeout", "timedout", "deadlineexceeded")),
    (_KEY, ("apikey", "authenticat", "unauthorized", "permission", "^forbidden", "accessdenied",
            "tokenexpired", "expiredtoken", "deactivated")),
    (_NOT_FOUND, ("^notfound$", "notfounderror", "modelnotfound", "deploymentnotfound",
                  "nosuchmodel", "unknownmodel", "modelnotexist", "unknownurl")),
    (_OTHER, ("invalidresponse",)),
    (_TOO_LARGE, ("requesttoolarge", "payloadtoolarge", "entitytoolarge")),
    (_REJECTED, ("invalid", "badrequest", "unsupported", "notsupported", "validation",
                 "unprocessable", "extraforbidden", "toolarge", "toolong", "tokenlimit",
                 "abovemax", "outofrange", "contextlength", "contextwindow", "contextsize",
                 "contextlimit", "contextoverflow", "contentfilter", "contentpolicy",
                 "moderation", "datainspection", "safety", "responsibleai")),
)  # fmt: skip
"""Parts of the words that servers use, without case and punctuation. The first that fits counts."""


def refusal_of(numbers: Iterable[Optional[int]], words: Iterable[str]) -> Refusal:
    """The class of an error.

    A number decides. But servers send 400 and 500 also for all that has a number of its own
    (Gemini refuses a wrong key with 400), and 403 for a used-up account. There the words decide.

    :param numbers: HTTP statuses, that of the answer first; ``None`` for none.
    :param words: the server's words for the class.
    """
    numbers = list(numbers)
    by_number = [_BY_STATUS[each] for each in numbers if each != 400 and each in _BY_STATUS]
    by_word = [found for found in map(_class_of, words) if found is not None]
    limits = [each for each in (_USED_UP, _LIMIT) if each in by_word]
    if by_number:
        return limits[0] if limits and by_number[0] in (_KEY, _LIMIT) else by_number[0]
    rejected = _REJECTED if 400 in numbers or _REJECTED in by_word else _unnamed(numbers)
    return next((found for found in by_word if found is not _REJECTED), rejected)


def _unnamed(numbers: Iterable[Optional[int]]) -> Refusal:
    """The class of an error that no word tells: a server that failed may serve the next request."""
    failed = any(each is not None and each >= 500 and each not in _NEVER for each in numbers)
    return _FAILED if failed else _OTHER


def _class_of(word: str) -> Optional[Refusal]:
    letters = f"^{''.join(filter(str.isalnum, word)).lower()}$"
    fits = (refusal for refusal, parts in _BY_WORD if any(part in letters for part in parts))
    return next(fits, None)

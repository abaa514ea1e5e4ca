"""``Idempotency-Key``: a POST that is sent again attaches to the answer that the first one began.

A note in the storage has the ID of that answer's stream, before the stream begins. So of several
POSTs at a time, on any workers, one begins it. If that one is lost on the way, the next begins the
stream of the same ID, and of two that do so the storage lets one win.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import json
from hashlib import sha256
from time import monotonic
from typing import Any, NamedTuple, Optional, Union

from flask import Request

from ..errors import IdempotencyKeyReused, RequestError, StreamGone
from ..replay.base import Reading, ReplayStorage
from ..replay.event_log import End, EventLog
from ..runtime.looks import looks
from ..runtime.mutex import wakeup_of_the_caller
from .current import Current
from .idempotency_key import HEADER, sent_key
from .owner import LEAST_CHARS, namespace_of, owner_of
from .request_id import name_request
from .state import state_of
from .stream_ids import signed_id

BEGIN_SECONDS = 5.0
"""How long a stream may take to begin. Then whoever asks again begins it."""

LOOK_SECONDS = (0.01, 0.2)
"""The pauses between two looks for the beginning."""

_GIVEN_UP = ("lost", "shutdown", "disconnect")
"""The reasons of an end that neither the model nor the user has made."""
_CLAIM = "flask_llmstream.idempotent_start"
"""The key in ``environ`` for the claim of the stream that the request begins."""


class Claim:
    """The right to begin the stream of a key.

    :param note: the key of its note in the storage.
    :param text: the text of that note.
    """

    def __init__(self, storage: ReplayStorage, note: str, text: str, stream_id: str) -> None:
        self.stream_id = stream_id
        self._storage = storage
        self._note = note
        self._text = text

    def begun(self, events: int) -> None:
        """The stream has begun.

        :param events: how many events its opening has.
        """
        self._storage.set_note(_begun(self.stream_id), str(events))

    def free(self) -> None:
        """This request does not begin it: the next with this key does, unless one has already."""
        if self._storage.note(_begun(self.stream_id)) is None:
            self._storage.drop_note(self._note, self._text)


class Begun(NamedTuple):
    """The stream of a key, which another request has begun.

    :ivar reading: is open.
    """

    stream_id: str
    reading: Reading


def set_claim(request: Request, claim: Claim) -> None:
    """Have the next stream of a request be the one of its key."""
    request.environ[_CLAIM] = claim


def take_claim(request: Optional[Request]) -> Optional[Claim]:
    """The claim for a new stream of this request; ``None`` for none. There is one at most."""
    found: Optional[Claim] = None if request is None else request.environ.pop(_CLAIM, None)
    return found


def kept_stream_id(here: Current, owner: str, claim: Optional[Claim]) -> str:
    """The ID of a new stream that is kept: of its claim, or a new one. The request has it, too."""
    stream_id = signed_id(here.app, owner) if claim is None else claim.stream_id
    name_request(here.request, stream_id)
    return stream_id


def claimed(here: Current, body: bytes, hold: float) -> Union[Claim, Begun, None]:
    """Claim the key of the current request, or find the stream that has it. ``None``: the request
    has no key.

    :param body: the request's.
    :param hold: how long to wait for the first item of the answer, in seconds, as its first reader
        does: if it fails before that, this request begins anew.
    :raises RequestError: the key can't be used.
    :raises IdempotencyKeyReused: 422, another body had it.
    :raises StreamGone: 410, the answer is kept no more.
    """
    request: Any = here.request
    key = sent_key(request)
    return None if key is None else _Start(here, key, body, hold).claimed()


class _Known(NamedTuple):
    """What the note of a key says.

    :ivar body: the digest of the request.
    :ivar stream: the ID of the stream.
    """

    body: str
    stream: str


class _Start:
    """The start of the stream of a key, if it has none yet."""

    def __init__(self, here: Current, key: str, body: bytes, hold: float) -> None:
        request: Any = here.request
        namespace = namespace_of(here)
        if not namespace and len(key) < LEAST_CHARS:
            raise RequestError(
                f"has to be {LEAST_CHARS} characters or more, as random as a UUID, because it is "
                "not known who asks, and it alone is the right to the answer",
                field=HEADER,
            )
        self._here = here
        self._storage = state_of(here.app).replay
        self._note = f"idempotency:{_digest(namespace, request.base_url, key)}"
        self._body = _digest(sha256(body).hexdigest(), request.environ.get("QUERY_STRING", ""))
        self._hold = hold
        self._wakeup = wakeup_of_the_caller()

    def claimed(self) -> Union[Claim, Begun]:
        """As :func:`claimed`."""
        deadline = monotonic() + BEGIN_SECONDS
        try:
            while True:
                made = _Known(self._body, signed_id(self._here.app, owner_of(self._here)))
                text = json.dumps(made)
                found = self._storage.add_note(self._note, text)
                if found is None:
                    return self._claim(text, made)
                answer = self._answer(found, deadline)
                if answer is not None:
                    return answer
                self._storage.drop_note(self._note, found)
        finally:
            self._wakeup.close()

    def _answer(self, text: str, deadline: float) -> Union[Claim, Begun, None]:
        """The stream of this note, once it has begun; the claim to begin it, where that takes too
        long; ``None`` where it is void."""
        known = _known(text)
        if known is None:
            return None
        if known.body != self._body:
            raise IdempotencyKeyReused()
        reading = self._begun(known.stream, deadline)
        if reading is None:
            return self._claim(text, known)
        try:
            first = int(self._storage.note(_begun(known.stream)) or 0)
            is_void = _is_void(self._end(reading.log, first), first)
        except BaseException:  # an open reading counts as a reader, for good
            reading.close()
            raise
        if is_void:
            reading.close()
            return None
        return Begun(known.stream, reading)

    def _claim(self, text: str, known: _Known) -> Claim:
        return Claim(self._storage, self._note, text, known.stream)

    def _begun(self, stream_id: str, deadline: float) -> Optional[Reading]:
        """Wait for the beginning of a stream; ``None`` where it takes too long."""
        for _ in looks(self._wakeup, deadline - monotonic(), LOOK_SECONDS):
            has_begun = self._storage.note(_begun(stream_id)) is not None  # before the look
            reading = self._storage.read(stream_id)
            if reading is not None:
                return reading
            if has_begun:
                raise StreamGone("This answer is kept no more.", code="expired")
        return None

    def _end(self, log: EventLog, first: int) -> Optional[End]:
        """The end of a stream, if it ends before its first item, or is over."""
        log.wait(first, self._wakeup, self._hold)
        return log.end


def _is_void(end: Optional[End], first: int) -> bool:
    """Whether a stream has ended as if it had not begun: it failed before its first item, or was
    given up."""
    if end is None or end.reason in ("complete", "cancelled"):
        return False
    return end.reason in _GIVEN_UP or end.number <= first


def _known(text: str) -> Optional[_Known]:
    """What a note says; ``None`` where another version wrote it."""
    try:
        body, stream = json.loads(text)
    except (TypeError, ValueError):
        return None
    return _Known(body, stream) if isinstance(body, str) and isinstance(stream, str) else None


def _begun(stream_id: str) -> str:
    return f"begun:{stream_id}"


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()

"""``Protocol``: an API that clients speak. Its docstrings are the contract.

Standard library only, no I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, Callable, Hashable, Mapping, NamedTuple, Optional, Tuple, Union

from ..formats import Format
from ..formats.failure import failure_as_json
from ..records import ErrorInfo
from .completion import ChatRequest
from .description import Description

Answer = Callable[[ChatRequest], Union[Format, str, None]]
"""Makes the format of the answer to a checked request, or names it. ``None``: the blueprint's own
format."""

Receipt = Callable[[bytes], bytes]
"""Makes the JSON that tells of an answer in the background, of the opening of its stream."""


def _nobody() -> Hashable:
    return None


class KeptAnswer(NamedTuple):
    """An earlier answer that is kept.

    :ivar memo: what its protocol keeps of its request.
    :ivar opening: its first event.
    :ivar ending: its last events; ``None`` while it goes on.
    """

    memo: bytes
    opening: bytes
    ending: Optional[bytes]


class KeptAnswers(ABC):
    """The answers that are kept of those for whom a request speaks. Its methods may block."""

    @abstractmethod
    def find(self, stream_id: str) -> Optional[KeptAnswer]:
        """An answer by the ID of its stream; ``None`` where they have none of it."""

    @abstractmethod
    def keep(self, stream_id: str, answer: KeptAnswer) -> None:
        """Keep an answer that was not streamed. A storage that fails is logged."""


@dataclass(frozen=True)
class ClientRequest:
    """One request of a client, as it came.

    :param fields: the object in the body; ``{}`` for a ``GET``.
    :param query: the parameters of the query. Of those with one name, the first.
    :param headers: the headers. The mapping ignores the case of a name.
    :param owner: tells whose request it is. What one owner sent is shown to no other. Default:
        nobody's, ``None``.
    :param kept: the answers that are kept; ``None`` where none is (``reconnect="resume"``).
    """

    fields: Mapping[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: Callable[[], Hashable] = _nobody
    kept: Optional[KeptAnswers] = None


class ParsedRequest(NamedTuple):
    """A client's request, read by a protocol.

    :ivar fields: the same question as the fields of a chat completion, still unchecked:
        ``messages`` or ``prompt``, ``model``, ``stream``, ``tools`` and so on.
    :ivar answer: makes the format of the answer, once these fields are checked.
    :ivar names: the client's names of places in these fields, by ours (``messages[1]``), for errors
        that name one. Default: they are the same.
    :ivar goes_on: whether the answer goes on to its end when its reader leaves, whatever
        ``on_leave`` says. Only for one that is kept. Default: no.
    :ivar receipt: makes the JSON that is sent at once, while the answer is made in the background.
        Default: none, the answer itself is sent.
    """

    fields: Mapping[str, Any]
    answer: Answer
    names: Mapping[str, str] = MappingProxyType({})
    goes_on: bool = False
    receipt: Optional[Receipt] = None


class Protocol(ABC):
    """How a request is read, and how its answer is written.

    One object serves all requests, from many threads and greenlets at a time. So it keeps nothing
    of a request, or within bounds and for its owner alone. The chat endpoints do all else: bodies
    and their limits, models, guards, other sites, slots, errors.

    :cvar name: the name of the endpoint, below the blueprint's.
    :cvar rule: the path of the route, below the blueprint's prefix. It has no variables.
    :cvar method: the HTTP method. A ``GET`` runs a model only for a client that accepts the answer.
    :cvar field_names: the protocol's names for fields of a chat completion, for errors that name
        one.
    """

    name: str
    rule: str
    method = "POST"
    field_names: Mapping[str, str] = {}

    @abstractmethod
    def read(self, request: ClientRequest) -> ParsedRequest:
        """Read a request.

        :raises RequestError: it can't be read, or asks for something that there is not. The error
            names the field in the protocol's own words.
        """

    def failure(self, failure: ErrorInfo) -> Tuple[str, bytes]:
        """The answer to a request that fails before its first byte. Default: OpenAI's JSON.

        :returns: its ``Content-Type`` and its body.
        """
        return failure_as_json(failure)

    def describe(self) -> Description:
        """What ``GET /openapi.json`` says of it. Called for each such request.

        Default: the first line of the class's docstring is the summary, the rest is the text, and
        any object may be sent and any answer may come.
        """
        summary, _, text = cleandoc(type(self).__doc__ or self.name).partition("\n")
        return Description(summary, text.strip())

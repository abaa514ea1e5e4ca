"""The ``LLMSTREAM_*`` keys. ``init_app`` reads them once.

Defaults are written back to ``app.config``, so that it shows every value in force.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Collection,
    Hashable,
    Mapping,
    MutableMapping,
    Optional,
    Union,
    get_args,
)

from flask import Request

from ..errors import ConfigurationError
from ..keywords import UnknownFields
from ..replay.base import Limits, ReplayStorage
from ..replay.storages import MEMORY
from ..sse.json import json_bytes
from ..stream.options import (
    StreamOptions,
    check_callable,
    check_choice,
    check_flag,
    check_number,
    check_text,
    check_whole,
    meant_of,
)
from .origins import checked_origins

PREFIX = "LLMSTREAM_"
SECRET_LENGTH = 16
"""The fewest characters that a secret may have."""


@dataclass(frozen=True)
class Settings:
    """The settings of a whole app.

    :param url_prefix: the path at which the chat blueprint is mounted; ``None``: it is not mounted.
        Default: ``/v1`` where the extension was given ``providers``, else ``None``.
    :param allowed_origins: the origins of other sites whose pages may use the chat endpoints and
        read the answers, also with the user's cookies; ``["*"]``: any page, without cookies.
        Default: none.
    :param max_streams: the most streams that one process runs at a time; the next gets 503. 0: any
        number. Default: 1000.
    :param max_streams_per_client: the most of these streams for one client; the next gets 429. 0:
        any number. Default: 0.
    :param client_key: a function that is called in a view and returns a key for the client, for
        that limit. A client with the key ``None`` has no limit. The function may be ``async def``.
        Default: the remote address.
    :param max_body_bytes: the largest body of a chat request, as it comes and as it is passed on;
        a larger one gets 413. Default: 1048576.
    :param max_prompt_chars: the most characters of the prompt (or the messages), together with the
        texts, lists and objects beside it; a longer one gets 400. Default: 100000.
    :param max_tokens: the most tokens that an answer may have, whatever a client or a provider's
        own options ask for. 0: as many as its model writes. Default: 0.
    :param unknown_fields: what becomes of a field of a chat request that is not known:
        ``forward``, it goes to the provider as it is; ``ignore``, it is left out; ``refuse``, the
        request gets 400. Default: ``forward``.
    :param openapi: what the application adds to the description at ``GET /openapi.json``, or
        changes there, as a JSON Merge Patch (RFC 7396); ``False``: there is no description.
        Default: true, the description as it is.
    :param docs: whether ``GET /docs`` shows the description as a page. It needs the extra
        ``docs``. Default: false.
    :param chat_hold: the ``hold`` of the chat endpoints, in seconds. Default: 2.
    :param owner: a function that is called with a request and returns the ID of its owner, as a
        text, bytes, a whole number or a UUID; ``None`` or nothing: nobody. A stream of
        ``reconnect="resume"`` is read, stopped and listed by its owner alone. A stream of nobody is
        its reader's who has the ID. The function may be ``async def``. Default: the user whom
        Flask-Login knows, else the session that the request's cookie brought, else nobody.
    :param replay_url: where the events of streams with ``reconnect="resume"`` are kept:
        ``memory://``, in this process; ``redis://…``, ``rediss://…``, ``unix://…``,
        ``redis+sentinel://…``, ``redis+cluster://…``, or ``valkey`` in place of ``redis``, shared
        by all processes and machines that use it; or a
        :class:`~flask_llmstream.replay.base.ReplayStorage` of one's own. Default: ``memory://``.
    :param replay_prefix: begins the names of all keys in Redis. Default: ``llmstream``.
    :param replay_max_streams: the most streams that ``memory://`` keeps; the one that ended first
        makes room, and where none has ended, a new stream gets 503. 0: any number. Default: 1000.
    :param replay_max_events: the most events that are kept of one stream; the oldest make room.
        Default: 10000.
    :param replay_max_bytes: the same in bytes; one larger event is kept alone. Default: 1048576.
    :param replay_expires: how long a stream is kept after its last event, in seconds. Default:
        3600.
    :param liveness: whether the client's socket is watched, so that a reader's departure is
        noticed while the model is silent. Default: true.
    :param early_start: whether status and headers are sent at the end of the call of the
        application, and not with the first block: for a server or a middleware that accepts them
        only then. Default: false; servers that are known to need it (Granian) get it anyway.
    :param doctor_token: the secret that ``flask llmstream doctor --url`` must send to learn more
        than the public address shows; 16 characters or more. Default: ``None``, the routes for it
        do not exist.
    """

    url_prefix: Optional[str] = None
    allowed_origins: Collection[str] = frozenset()
    max_streams: int = 1000
    max_streams_per_client: int = 0
    client_key: Optional[Callable[[], Hashable]] = None
    max_body_bytes: int = 1024 * 1024
    max_prompt_chars: int = 100_000
    max_tokens: int = 0
    unknown_fields: UnknownFields = "forward"
    openapi: Union[bool, Mapping[str, Any]] = True
    docs: bool = False
    chat_hold: float = 2
    owner: Optional[Callable[[Request], Any]] = None
    replay_url: Union[str, ReplayStorage] = MEMORY
    replay_prefix: str = "llmstream"
    replay_max_streams: int = 1000
    replay_max_events: int = 10_000
    replay_max_bytes: int = 1024 * 1024
    replay_expires: float = 3600
    liveness: bool = True
    early_start: bool = False
    doctor_token: Optional[str] = None

    def __post_init__(self) -> None:
        check_whole("max_streams", self.max_streams, least=0)
        check_whole("max_streams_per_client", self.max_streams_per_client, least=0)
        check_callable("client_key", self.client_key)
        check_whole("max_body_bytes", self.max_body_bytes, least=1)
        check_whole("max_prompt_chars", self.max_prompt_chars, least=1)
        check_whole("max_tokens", self.max_tokens, least=0)
        check_choice("unknown_fields", self.unknown_fields, get_args(UnknownFields))
        _check_patch("openapi", self.openapi)
        check_flag("docs", self.docs)
        check_number("chat_hold", self.chat_hold, least=0)
        check_callable("owner", self.owner)
        check_whole("replay_max_streams", self.replay_max_streams, least=0)
        check_whole("replay_max_events", self.replay_max_events, least=1)
        check_whole("replay_max_bytes", self.replay_max_bytes, least=1)
        check_number("replay_expires", self.replay_expires, least=1)
        check_text("replay_prefix", self.replay_prefix)
        check_flag("liveness", self.liveness)
        check_flag("early_start", self.early_start)
        _check_prefix(self.url_prefix)
        _check_secret("doctor_token", self.doctor_token)
        origins = checked_origins("allowed_origins", self.allowed_origins)
        object.__setattr__(self, "allowed_origins", origins)

    @property
    def replay_limits(self) -> Limits:
        """How much the storage behind ``reconnect="resume"`` keeps."""
        return Limits(
            self.replay_max_streams,
            self.replay_max_events,
            self.replay_max_bytes,
            self.replay_expires,
        )


def _check_prefix(prefix: Any) -> None:
    if prefix is None or (isinstance(prefix, str) and prefix.startswith("/")):
        return
    message = f"has to start with '/', or be None for no chat endpoints, not {prefix!r}"
    raise ConfigurationError(f"url_prefix: {message}")


def _check_patch(name: str, value: Any) -> None:
    if not isinstance(value, (bool, Mapping)):
        raise ConfigurationError(f"{name}: has to be a mapping, true or false, not {value!r:.60}")
    try:
        json_bytes(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}: can't be sent as JSON: {error}") from error


def _check_secret(name: str, value: Any) -> None:
    # The message leaves out the value, because it goes to a log.
    fits = isinstance(value, str) and len(value) >= SECRET_LENGTH and value.isascii()
    if value is not None and not fits:
        message = f"has to be a text of {SECRET_LENGTH} ASCII characters or more, or None"
        raise ConfigurationError(f"{name}: {message}")


def read_config(
    config: MutableMapping[str, Any], settings: Settings = Settings()
) -> "tuple[Settings, StreamOptions]":
    """The app's settings and the default options of its streams.

    :param settings: the defaults of the settings.
    :raises ConfigurationError: a value can't work, or an ``LLMSTREAM_*`` key does not exist. The
        message names the key.
    """
    _refuse_unknown(config)
    try:
        return _read(config, settings), _read(config, StreamOptions())
    except ConfigurationError as error:
        raise as_key(error) from None


def as_key(error: ConfigurationError) -> ConfigurationError:
    """The same error of a setting, which names it by its key."""
    name, _, rest = str(error).partition(":")
    return ConfigurationError(f"{PREFIX}{name.upper()}:{rest}")


def _read(config: MutableMapping[str, Any], defaults: Any) -> Any:
    values = {}
    for field in dataclasses.fields(defaults):
        default = getattr(defaults, field.name)
        values[field.name] = config.setdefault(PREFIX + field.name.upper(), default)
    return dataclasses.replace(defaults, **values)


def _refuse_unknown(config: Mapping[str, Any]) -> None:
    fields = dataclasses.fields(Settings) + dataclasses.fields(StreamOptions)
    known = sorted(PREFIX + field.name.upper() for field in fields)
    for key in config:
        if key.startswith(PREFIX) and key not in known:
            told = f"there is no such key; there are {', '.join(known)}"
            meant = meant_of(known, key, PREFIX)
            raise ConfigurationError(f"{key}: {told}; {meant}" if meant else f"{key}: {told}")

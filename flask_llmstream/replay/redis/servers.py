"""``servers_of``: where a URL leads. One server, the master that Sentinel names, or a cluster."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ...errors import ConfigurationError

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
LEAST_ANSWER_SECONDS = 3.0
"""How long a connection waits for an answer."""

_LEEWAY_SECONDS = 1.0
"""So much earlier an answer is due that a server holds back for us."""

Connection = Any
"""A connection of the client library. It connects with its first command."""

Address = Tuple[str, int]


class ServerMissing(Exception):
    """No server can be found that serves a key."""


class Servers(NamedTuple):
    """Where a URL leads.

    :ivar connect: makes a connection to the server of the keys that begin with a tag.
    :ivar is_cluster: whether keys with different tags are on different servers.
    :ivar block_seconds: the longest that a server may block a read for us.
    """

    connect: Callable[[bytes], Connection]
    is_cluster: bool
    block_seconds: float


def servers_of(url: str) -> Servers:
    """Understand a URL: as redis-py takes it, with the path of a socket (``redis+unix://…``), or
    with several ``host:port`` for Sentinel (``redis+sentinel://…/service``) and a cluster
    (``redis+cluster://…``). ``valkey`` may stand in place of ``redis``.

    :raises ConfigurationError: it can't work, or no client library is installed.
    """
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    driver = _driver(scheme)
    try:
        if kind == "sentinel":
            found: Any = _Sentinel(driver, url)
        elif kind == "cluster":
            found = _Cluster(driver, url)
        else:
            found = _One(driver, url.partition("+")[2] if kind == "unix" else url)
        return Servers(found.connect, kind == "cluster", found.factory.block_seconds)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"replay_url: {error}") from error


def _driver(scheme: str) -> Any:
    """The client library: valkey-py for Valkey, where it is installed, else redis-py. Both servers
    speak the same protocol."""
    names = ("valkey", "redis") if scheme.startswith("valkey") else ("redis",)
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ConfigurationError(
        f"replay_url: {scheme}:// needs {'-py or '.join(names)}-py; install redis-py by: "
        "pip install flask-llmstream[redis]"
    )


def _for_driver(driver: Any, url: str) -> str:
    """The URL with the scheme that the library knows."""
    is_of_another = driver.__name__ == "redis" and url.startswith("valkey")
    return f"redis{url[len('valkey'):]}" if is_of_another else url


_OURS = ("protocol", "decode_responses", "encoding", "encoding_errors")
"""Settings that say what replies look like. Those of a URL don't count here."""


def _without(names: Sequence[str], url: str) -> str:
    place, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in names]
    return f"{place}?{urlencode(kept)}" if kept else place


class _Factory:
    """Makes connections with the settings of a URL."""

    def __init__(self, driver: Any, url: str) -> None:
        # Nothing is sent twice by the library: an append that is repeated is checked before.
        never = driver.retry.Retry(driver.backoff.NoBackoff(), 0)
        pool = driver.ConnectionPool.from_url(
            _without(_OURS, url), protocol=2, retry=never, socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS, socket_keepalive=True,
        )  # fmt: skip
        self._class = pool.connection_class
        self._settings = dict(pool.connection_kwargs)
        if "path" in self._settings:  # a Unix domain socket
            self._settings.pop("socket_keepalive")
        answer_seconds = self._settings["socket_timeout"] or 0
        if not answer_seconds >= LEAST_ANSWER_SECONDS:
            raise ValueError(f"socket_timeout has to be {LEAST_ANSWER_SECONDS:g} seconds at least")
        self.block_seconds = min(answer_seconds, ANSWER_SECONDS) - _LEEWAY_SECONDS
        self.connection(None)  # does not connect, but finds an unknown setting

    def connection(self, address: Optional[Address], **settings: Any) -> Connection:
        if address is not None:
            settings["host"], settings["port"] = address
        return self._class(**{**self._settings, **settings})


class _One:
    """The one server of a URL."""

    def __init__(self, driver: Any, url: str) -> None:
        self.factory = _Factory(driver, _for_driver(driver, url))

    def connect(self, tag: bytes) -> Connection:
        return self.factory.connection(None)


def _factory_and_addresses(
    driver: Any, url: str, default_port: int
) -> Tuple[_Factory, List[Address]]:
    """What a URL with several addresses says. ``?ssl=true`` asks for TLS."""
    parts = urlsplit(url)
    credentials, at, places = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query))
    uses_tls = query.pop("ssl", "").lower() in ("true", "yes", "1")
    scheme = driver.__name__ + ("s" if uses_tls else "")
    one = urlunsplit((scheme, f"{credentials}{at}localhost", "", urlencode(query), ""))
    found = [urlsplit(f"//{place}") for place in places.split(",")]
    addresses = [(place.hostname or "localhost", place.port or default_port) for place in found]
    return _Factory(driver, one), addresses


def _answer(connection: Connection, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Sentinel:
    """The master of a service, as one of the Sentinels names it.

    The user and the password of the URL are for both; a Sentinel that has none is asked without.
    """

    def __init__(self, driver: Any, url: str) -> None:
        self.factory, self._sentinels = _factory_and_addresses(driver, url, 26379)
        self._service = urlsplit(url).path.replace("/", "")
        if not self._service:
            raise ValueError("redis+sentinel:// needs the name of the service behind the hosts")

    def connect(self, tag: bytes) -> Connection:
        failures = []
        for sentinel in self._sentinels:
            try:
                return self._master(sentinel)
            except Exception as error:
                failures.append(f"{sentinel[0]}:{sentinel[1]}: {error}")
        raise ServerMissing(f"no Sentinel knows a master of {self._service}: {'; '.join(failures)}")

    def _master(self, sentinel: Address) -> Connection:
        named = self._ask(sentinel)
        if not named:
            raise ServerMissing("it does not know the service")
        connection = self.factory.connection((_text(named[0]), int(named[1])))
        role = _text(_answer(connection, "ROLE")[0])
        if role != "master":
            connection.disconnect()
            raise ServerMissing(f"{_text(named[0])}:{int(named[1])} is a {role}")
        return connection

    def _ask(self, sentinel: Address) -> Any:
        refused: List[Exception] = []
        without: List[Dict[str, Any]] = [{}, {"username": None, "password": None}]
        for settings in without:
            connection = self.factory.connection(sentinel, db=0, **settings)
            try:
                return _answer(connection, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
            except Exception as error:
                refused.append(error)
            finally:
                connection.disconnect()
        raise refused[0]


class _Cluster:
    """The master of a key's slot, as any node of the cluster names it."""

    def __init__(self, driver: Any, url: str) -> None:
        self.factory, self._nodes = _factory_and_addresses(driver, url, 6379)
        self._key_slot: Callable[[bytes], int] = driver.crc.key_slot

    def connect(self, tag: bytes) -> Connection:
        slot = self._key_slot(tag)
        failures = []
        for node in list(self._nodes):
            try:
                return self.factory.connection(self._master(node, slot))
            except Exception as error:
                failures.append(f"{node[0]}:{node[1]}: {error}")
        raise ServerMissing(f"no node of the cluster serves slot {slot}: {'; '.join(failures)}")

    def _master(self, node: Address, slot: int) -> Address:
        connection = self.factory.connection(node)
        try:
            shards = _answer(connection, "CLUSTER SLOTS")
        finally:
            connection.disconnect()
        self._learn(node, shards)
        for first, last, master, *_ in shards:
            if first <= slot <= last:
                return _text(master[0] or node[0]), int(master[1])
        raise ServerMissing("it knows no master of this slot")

    def _learn(self, node: Address, shards: Any) -> None:
        """Know the masters, for the day when the nodes of the URL are gone."""
        masters = [(_text(shard[2][0] or node[0]), int(shard[2][1])) for shard in shards]
        self._nodes = list(dict.fromkeys([node, *masters, *self._nodes]))

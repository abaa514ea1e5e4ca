"""The settings of a router, checked when it is made. An error names the one that can't work.

No I/O.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, Optional

from ...errors import ConfigurationError
from ...runtime.event_loop.coroutines import is_async
from ..base import Provider

_DUAL = "is asynchronous, and %r is not; a router takes plain models or asynchronous ones"


def checked_members(providers: Any) -> Mapping[str, Provider]:
    """The models by name."""
    members: Mapping[str, Provider] = _mapping("providers", providers)
    if not members:
        raise ConfigurationError("providers: has to name a model")
    provider: Any
    for name, provider in members.items():
        where = f"providers[{name!r}]"
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{where}: a model's name has to be a text")
        if not isinstance(provider, Provider):
            told = f"has to be a Provider, not {_kind(provider)}; CallableProvider makes one"
            raise ConfigurationError(f"{where}: {told} of a function")
        if not getattr(provider, "knows", bool)(name):
            raise ConfigurationError(f"{where}: is a router without {name!r}; give it a default")
    return dict(members)


def checked_kind(members: Mapping[str, Provider]) -> bool:
    """Whether the models are asynchronous: all of them are, or none."""
    kinds = {name: provider.is_asynchronous for name, provider in members.items()}
    asynchronous = next((name for name, is_it in kinds.items() if is_it), None)
    plain = next((name for name, is_it in kinds.items() if not is_it), None)
    if asynchronous is not None and plain is not None:
        raise ConfigurationError(f"providers[{asynchronous!r}]: {_DUAL % plain}")
    for name, provider in members.items():
        if plain is not None and is_async(provider.check):
            told = "has a check that is async def, and a stream that is not; make both of one kind"
            raise ConfigurationError(f"providers[{name!r}]: {told}")
    return plain is None


def checked_aliases(aliases: Any, members: Collection[str]) -> Mapping[str, str]:
    """The model of each alias."""
    for alias, name in _mapping("aliases", aliases).items():
        where = f"aliases[{alias!r}]"
        if not isinstance(alias, str) or not alias:
            raise ConfigurationError(f"{where}: a model's name has to be a text")
        if alias in members:
            raise ConfigurationError(f"{where}: is the name of a model")
        _check_member(where, name, members)
    return dict(aliases)


def checked_failover(failover: Any, members: Collection[str]) -> Dict[str, List[str]]:
    """The next models of each model."""
    following = {}
    for name, others in _mapping("failover", failover).items():
        _check_member("failover", name, members)
        where = f"failover[{name!r}]"
        others = [others] if isinstance(others, str) else others
        if not isinstance(others, (list, tuple)):
            raise ConfigurationError(f"{where}: has to be names, not {_kind(others)}")
        for other in others:
            _check_member(where, other, members)
        if len({name, *others}) <= len(others):
            raise ConfigurationError(f"{where}: has a model twice; each is asked once")
        following[name] = list(others)
    return following


def checked_limits(limits: Any, members: Collection[str]) -> Mapping[str, int]:
    """The most answers at a time of each model that has a limit."""
    for name, most in _mapping("limits", limits).items():
        _check_member("limits", name, members)
        if type(most) is not int or most < 1:
            raise ConfigurationError(
                f"limits[{name!r}]: has to be a whole number from 1, not {most!r}"
            )
    return dict(limits)


def checked_default(default: Any, names: Collection[str]) -> Optional[str]:
    """The name for a request without one."""
    if default is not None and (not isinstance(default, str) or default not in names):
        raise ConfigurationError(f"default: {default!r} is none of {', '.join(names)}")
    return default


def _mapping(setting: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}: has to be a mapping of names, not {_kind(value)}")
    return value


def _check_member(where: str, name: Any, members: Collection[str]) -> None:
    if not isinstance(name, str) or name not in members:
        raise ConfigurationError(f"{where}: {name!r} is none of {', '.join(members)}")


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__

"""Hosts and cables between them, made of network namespaces; this needs root.

A cable can be pulled, and made slow.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from typing import Any, Callable, List

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
CLONE_NEWNET = 0x40000000


class Host:
    """One host, with one end of the cable.

    :param address: the IP address of this host.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._process = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "echo; exec sleep 3600"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.read(1)  # from here on the namespace is its own
        self.pid = self._process.pid
        self.run("ip link set lo up")

    def run(self, command: str) -> None:
        """Run a command on this host."""
        subprocess.run(["nsenter", "-t", str(self.pid), "-n", *command.split()], check=True)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on this host. Its sockets and processes stay on the host."""
        outcome: List[Any] = []

        def enter_and_call() -> None:
            try:
                self._enter()
                outcome.extend((function(), None))
            except BaseException as error:
                outcome.extend((None, error))

        thread = threading.Thread(target=enter_and_call)
        thread.start()
        thread.join()
        result, error = outcome
        if error is not None:
            raise error
        return result

    def _enter(self) -> None:
        namespace = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(namespace)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class TwoHosts:
    """The server's host and the client's host, joined by the cable."""

    def __init__(self) -> None:
        self.server, self.client = Host(SERVER), Host(CLIENT)
        self.server.run(f"ip link add cable type veth peer name cable netns {self.client.pid}")
        for host in (self.server, self.client):
            host.run(f"ip addr add {host.address}/24 dev cable")
            host.run("ip link set cable up")

    def __enter__(self) -> TwoHosts:
        return self

    def __exit__(self, *_: Any) -> None:
        self.server.close()
        self.client.close()

    def pull_the_cable(self) -> None:
        """From now on nothing arrives, and neither host is notified."""
        self.client.run("ip link set cable down")

    def slow_down(self, bytes_a_second: int) -> None:
        """The server's bytes arrive at this rate from now on."""
        rate = f"rate {8 * bytes_a_second}bit burst 2000 latency 2s"
        self.server.run(f"tc qdisc add dev cable root tbf {rate}")


class HostsOfASite:
    """Hosts of web servers, each with a cable of its own to the host of their Redis.

    :ivar redis: the host of Redis.
    :ivar web: the others.
    """

    def __init__(self, count: int) -> None:
        self.redis = Host("10.77.0.1")
        self.web = [Host(f"10.77.{each}.2") for each in range(1, count + 1)]
        for each, host in enumerate(self.web, 1):
            ends = f"ip link add cable{each} type veth peer name cable netns {host.pid}"
            self.redis.run(ends)
            self.redis.run(f"ip addr add 10.77.{each}.1/24 dev cable{each}")
            host.run(f"ip addr add {host.address}/24 dev cable")
            host.run("ip link set cable up")
            host.run(f"ip route add {self.redis.address} via 10.77.{each}.1")
            self.plug(host)
        self.redis.run(f"ip addr add {self.redis.address}/32 dev lo")

    def __enter__(self) -> HostsOfASite:
        return self

    def __exit__(self, *_: Any) -> None:
        for host in (self.redis, *self.web):
            host.close()

    def unplug(self, host: Host) -> None:
        """From now on nothing arrives from this host at Redis, nor the other way."""
        self._set(host, "down")

    def plug(self, host: Host) -> None:
        """Let a cable that was pulled work again."""
        self._set(host, "up")

    def _set(self, host: Host, state: str) -> None:
        self.redis.run(f"ip link set cable{1 + self.web.index(host)} {state}")


def can_be_made() -> bool:
    """Does this process have the permission and the tools?"""
    try:
        return subprocess.run(["unshare", "-n", "ip", "link"], capture_output=True).returncode == 0
    except OSError:
        return False

"""Which sockets of this machine listen where others can reach them."""

from __future__ import annotations

from collections.abc import Callable

import psutil


def listening_elsewhere(concerns: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The addresses beside loopback on which processes listen whose command `concerns` the question, with the command."""
    found = []
    for one in psutil.net_connections(kind="tcp"):
        if one.status == psutil.CONN_LISTEN and one.pid is not None and not _is_loopback(one.laddr.ip):
            command = " ".join(psutil.Process(one.pid).cmdline())
            if concerns(command):
                found.append((command, f"{one.laddr.ip}:{one.laddr.port}"))
    return found


def _is_loopback(address: str) -> bool:
    return address.removeprefix("::ffff:").startswith("127.") or address == "::1"

"""Ports that a run or its workers would listen on."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from rl.doctor.finding import Finding, fail, ok, warn

DEFAULT = 29500
"""Where ranks meet, unless the launcher is told another port."""


def taken(port: int, host: str = "") -> bool:
    """Whether something listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def check_rendezvous(environment: Mapping[str, str]) -> list[Finding]:
    """Whether ranks can meet; inside a launch they already have."""
    if "RANK" in environment:
        return []
    given = environment.get("MASTER_PORT")
    port = int(given) if given and given.isdigit() else DEFAULT
    if not taken(port):
        return [ok(f"port {port}, where ranks meet, is free")]
    what = f"port {port}, where ranks would meet, is taken"
    if given:
        return [fail(what, "set MASTER_PORT to a free one")]
    return [warn(what, "give the launcher another: --main_process_port of accelerate, --master_port of torchrun")]


def check_ports(ports: Iterable[int], purpose: str, remedy: str) -> list[Finding]:
    return [
        fail(f"port {port} for {purpose} is taken", remedy) if taken(port) else ok(f"port {port} for {purpose} is free")
        for port in ports
    ]

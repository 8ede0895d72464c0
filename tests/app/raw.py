"""Talks to the service under test below HTTP clients, which refuse to send what is wrong."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_S = 20.0


@contextmanager
def connecting(client: httpx.Client) -> Iterator[socket.socket]:
    """Open a connection to where a client's service is."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        yield connection


@dataclass(frozen=True)
class RawAnswer:
    """What came back, up to the end of the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        problem: dict[str, Any] = json.loads(self.body)
        return problem


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything up to the end, which the service has to make."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def parse_answer(received: bytes) -> RawAnswer:
    """Return the parts of one answer."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return RawAnswer(status=int(first.split()[1]), headers=headers, body=body)


def ask(client: httpx.Client, request: bytes) -> RawAnswer:
    """Send bytes and return the answer; the service has to close the connection."""
    with connecting(client) as connection:
        connection.sendall(request)
        return parse_answer(read_to_end(connection))

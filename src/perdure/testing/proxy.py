"""A TCP proxy on loopback that breaks connections as told, for tests of clients and workers."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK_BYTES: Final = 1 << 16
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Direction(Enum):
    """Where bytes go."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


@dataclass(eq=False, slots=True)
class _Link:
    writers: dict[Direction, asyncio.StreamWriter]


class Proxy:
    """Forwards connections to a server on loopback; used with `async with`.

    Args:
        upstream: The port where the server listens.

    Attributes:
        port: Where the proxy listens.
        upstream: Where new connections go; a server that was started again may listen elsewhere.
    """

    port: int

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self._links: set[_Link] = set()
        self._flows = {direction: asyncio.Event() for direction in Direction}
        self._refuses = False
        self.restore()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        self.restore()
        self.cut()
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    def cut(self) -> None:
        """Reset every connection, at both ends."""
        for link in list(self._links):
            for writer in link.writers.values():
                _reset(writer)

    def half_close(self, direction: Direction) -> None:
        """End one direction of every connection, as a peer does that has nothing more to say."""
        for link in self._links:
            writer = link.writers[direction]
            if not writer.is_closing():
                writer.write_eof()

    def blackhole(self, direction: Direction) -> None:
        """Deliver nothing more in one direction, and say so to nobody."""
        self._flows[direction].clear()

    def refuse(self) -> None:
        """Reset every new connection."""
        self._refuses = True

    def restore(self) -> None:
        """Undo `blackhole` and `refuse`; what was held back is delivered."""
        self._refuses = False
        for flow in self._flows.values():
            flow.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            _reset(writer)
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            _reset(writer)
            return
        link = _Link({Direction.TO_SERVER: server_writer, Direction.TO_CLIENT: writer})
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, server_writer, Direction.TO_SERVER))
                pumps.create_task(self._pump(server_reader, writer, Direction.TO_CLIENT))
        finally:
            self._links.discard(link)
            for each in link.writers.values():
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await self._flows[direction].wait()
                writer.write(data)
                await writer.drain()
            if not writer.is_closing():
                writer.write_eof()
        except OSError:
            # One end is gone; the other one has to learn of it.
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    if connection.fileno() != -1:  # cut a moment ago
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()

"""Networks that break as told. Waiting is on bytes and ends of connections, never on time."""

import asyncio
import contextlib

import pytest

from perdure.testing.proxy import Direction, Proxy

PATIENCE = 10


@contextlib.asynccontextmanager
async def echo_server():
    """A server that sends back what it gets, and says goodbye at the end."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1_000):
                writer.write(data)
                await writer.drain()
            writer.write(b"goodbye")
            writer.write_eof()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def connection():
    async with asyncio.timeout(PATIENCE), echo_server() as port, Proxy(port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        yield proxy, reader, writer
        writer.close()


async def meet_a_reset(proxy):
    async def connect_and_read():
        reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
        await reader.read()

    with pytest.raises(ConnectionResetError):
        await connect_and_read()


async def test_bytes_and_ends_are_forwarded():
    async with connection() as (proxy, reader, writer):
        assert proxy.connections == 1
        big = b"x" * 300_000
        writer.write(big)
        assert await reader.readexactly(len(big)) == big
        writer.write_eof()
        assert await reader.read() == b"goodbye"


async def test_a_cut_resets_the_connection():
    async with connection() as (proxy, reader, _):
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()


@pytest.mark.parametrize("direction", Direction)
async def test_a_black_hole_holds_back_one_direction_until_it_is_restored(direction):
    async with connection() as (proxy, reader, writer):
        proxy.blackhole(direction)
        writer.write(b"pong")
        waiting = asyncio.create_task(reader.readexactly(4))
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        other_writer.write(b"also held back")
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        proxy.restore()
        assert await waiting == b"pong"
        assert await other_reader.readexactly(14) == b"also held back"
        other_writer.close()


async def test_a_half_closed_connection_still_answers():
    async with connection() as (proxy, reader, _):
        proxy.half_close(Direction.TO_SERVER)
        assert await reader.read() == b"goodbye"


async def test_new_connections_are_refused_until_restored():
    async with connection() as (proxy, reader, writer):
        proxy.refuse()
        await meet_a_reset(proxy)
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        proxy.restore()
        again, again_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        again_writer.write(b"ping")
        assert await again.readexactly(4) == b"ping"
        again_writer.close()


async def test_a_server_that_is_gone_resets_the_connection():
    async with asyncio.timeout(PATIENCE):
        async with echo_server() as port:
            pass
        async with Proxy(port) as proxy:
            await meet_a_reset(proxy)


async def test_a_connection_that_the_server_resets_is_reset():
    async with connection() as (inner, _, _), Proxy(inner.port) as outer:
        reader, writer = await asyncio.open_connection("127.0.0.1", outer.port)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        inner.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_connections_go_to_where_the_server_is_now():
    async with asyncio.timeout(PATIENCE):
        async with echo_server() as port:
            pass
        async with Proxy(port) as proxy, echo_server() as elsewhere:
            await meet_a_reset(proxy)
            proxy.upstream = elsewhere
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()

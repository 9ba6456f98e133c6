"""Passes connections on, each byte late: delay.py PORT SECONDS prints the port it listens on."""
import asyncio
import sys


async def carry(reader, writer, delay):
    """Each piece leaves so long after it came, whatever came before it."""
    queue = asyncio.Queue()

    async def send():
        while (piece := await queue.get()) is not None:
            due, data = piece
            await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    task = asyncio.create_task(send())
    try:
        while True:
            data = await reader.read(65536)
            await queue.put((asyncio.get_running_loop().time() + delay, data))
            if not data:
                break
        await task
    except OSError:
        task.cancel()
        writer.transport.abort()


async def main(port, delay):
    async def accept(reader, writer):
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, other_writer, delay), carry(other_reader, writer, delay))
        other_writer.close()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))

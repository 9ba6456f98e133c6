"""client_aiohttp.py URL CLIENTS POSTS SECONDS, as client.py, with bodies that aiohttp compresses."""
import asyncio
import sys

import aiohttp

url, clients, posts, period = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
failures = []


async def run():
    # aiohttp would drop a connection that rested for 15 s, and send again what is not a POST.
    connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=3600)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(posts):
            try:
                async with session.post(
                    url + "/ingest", data=b'{"cpu":1,"rps":2}', compress="gzip"
                ) as answer:
                    await answer.read()
                    if answer.status != 202:
                        failures.append(str(answer.status))
            except (OSError, aiohttp.ClientError) as error:
                failures.append(repr(error))
            await asyncio.sleep(period)


async def main():
    await asyncio.gather(*(run() for _ in range(clients)))


asyncio.run(main())
print(len(failures), *failures[:3])

#!/usr/bin/env python3
"""An HTTP server that works for a fixed time on each request, on one thread, and answers 200."""

import argparse
import selectors
import socket
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def work(seconds):
    """Uses the processor, as a service does that computes its answer."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--work", type=float, required=True, help="microseconds for a request")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", options.port))
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            try:
                received = connection.recv(65536)
            except ConnectionError:
                received = b""
            if not received:
                selector.unregister(connection)
                connection.close()
                continue
            # Requests without a body: each ends with an empty line.
            for _ in range(received.count(b"\r\n\r\n")):
                work(options.work / 1e6)
                connection.sendall(ANSWER)


if __name__ == "__main__":
    main()

"""client.py URL CLIENTS POSTS SECONDS: posts so often over connections that stay open; prints failures."""
import http.client
import sys
import threading
import time
import urllib.parse

url, clients, posts, period = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
address = urllib.parse.urlsplit(url)
failures = []


def run():
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    for _ in range(posts):
        try:
            connection.request("POST", "/ingest", '{"cpu":1,"rps":2}')
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                failures.append(str(answer.status))
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
            connection.close()
        time.sleep(period)


threads = [threading.Thread(target=run) for _ in range(clients)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(failures), *failures[:3])

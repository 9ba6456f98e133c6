"""client_locust.py URL CLIENTS POSTS SECONDS, as client.py, with Locust's users."""
from locust import HttpUser, constant, task  # first: it patches the modules below
from locust.env import Environment
from locust.exception import StopUser

import sys

import gevent

url, clients, posts, period = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


class Reporter(HttpUser):
    host = url
    wait_time = constant(period)
    sent = 0

    @task
    def ingest(self):
        self.client.post("/ingest", data='{"cpu":1,"rps":2}')
        self.sent += 1
        if self.sent == posts:
            raise StopUser()


environment = Environment(user_classes=[Reporter])
runner = environment.create_local_runner()
runner.start(clients, spawn_rate=clients)
with gevent.Timeout(60 + posts * (period + 5)):
    while environment.stats.total.num_requests < clients * posts:
        gevent.sleep(0.1)
runner.quit()
errors = [str(entry.error) for entry in environment.stats.errors.values()]
print(environment.stats.total.num_failures, *errors[:3])

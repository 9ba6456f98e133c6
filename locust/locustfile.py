"""The load of the five services' reports, for those who stay with Locust: 90 % POST /ingest, 10 % GET
/analyze, 300 users that come 50 a second, 500 requests a second together.

    pip install -r locust/requirements.txt
    locust -f locust/locustfile.py --headless -u 300 -r 50 --run-time 5m \
        --host http://127.0.0.1:8080 --csv locust/results

HOST_HEADER names the host behind an Ingress, TOKEN is sent as a bearer token, DEVICES (0) spreads the
samples over so many devices, USER_RATE (500 / 300) is how many requests a user sends a second.
"""

import os
import random
import time

from locust import HttpUser, constant_throughput, task

USER_RATE = float(os.environ.get("USER_RATE", 500 / 300))
DEVICES = int(os.environ.get("DEVICES", 0))


class Reporter(HttpUser):
    """One of the users: reports its load, and looks at the analysis now and then."""

    wait_time = constant_throughput(USER_RATE)

    def on_start(self):
        if host := os.environ.get("HOST_HEADER"):
            self.client.headers["Host"] = host
        if token := os.environ.get("TOKEN"):
            self.client.headers["Authorization"] = f"Bearer {token}"

    @task(9)
    def ingest(self):
        rps = random.randint(400, 450)
        sample = {"timestamp": time.time(), "cpu": rps / 10, "rps": rps}
        if DEVICES:
            sample["device_id"] = f"device-{random.randrange(DEVICES)}"
        with self.client.post("/ingest", json=sample, catch_response=True) as answer:
            # A verdict is what was asked for; a proxy's own 200 is none.
            if answer.status_code == 202 and "is_anomaly" not in answer.text:
                answer.failure("an answer without a verdict")

    @task(1)
    def analyze(self):
        self.client.get("/analyze")

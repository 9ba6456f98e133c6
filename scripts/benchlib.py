"""Servers and loads that the benches share: started on free ports, stopped by pid, timed by the
processor time the kernel counts for them."""
import functools
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("BIN", ROOT / ".build/release")).resolve()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SECONDS = os.environ.get("BENCH_SECONDS", "3")
WORK = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-bench-"))
SAMPLE = '{"cpu":12,"rps":120}'
started = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, **options):
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    started.append(process)
    return process


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"bench: nothing listens on port {port}")


def start_service(environment=None):
    port = free_port()
    process = start(
        [BIN / "tidemark", "--port", str(port), "--threads", "1"],
        env={**os.environ, **(environment or {})})
    wait_for(port)
    return process.pid, port


def start_redis(log="no"):
    """`log` is when what was written is on the disk: no, everysec or always."""
    port = free_port()
    folder = tempfile.mkdtemp(prefix=f"redis-{port}-", dir=WORK)
    options = ["--appendonly", "no" if log == "no" else "yes"]
    if log != "no":
        options += ["--appendfsync", log]
    process = start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                     *options, "--dir", folder], stdout=subprocess.DEVNULL)
    wait_for(port)
    return process.pid, port


def wait_until_ready(port, seconds=4):
    for _ in range(seconds * 50):
        if subprocess.run(["curl", "-sf", f"http://127.0.0.1:{port}/ready"],
                          capture_output=True).returncode == 0:
            return
        time.sleep(0.02)
    sys.exit("bench: the service does not become ready")


def start_nginx(prefix=(), workers=1):
    """nginx that answers 202 without reading what it is sent; `prefix` goes before its
    command. Returns a worker's pid and the port."""
    port = free_port()
    config = WORK / f"nginx-{port}.conf"
    config.write_text(
        f"daemon off; worker_processes {workers}; pid {WORK}/nginx-{port}.pid; error_log {WORK}/nginx.log;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 100000000;\n"
        f"  server {{ listen 127.0.0.1:{port}; location / {{ return 202; }} }} }}\n")
    process = start([*prefix, "nginx", "-c", str(config)])
    wait_for(port)
    workers = subprocess.run(
        ["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, text=True)
    return int(workers.stdout.split()[0]), port


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def load(port, seconds=SECONDS, body=SAMPLE, path="/ingest", script=None, connections=64):
    """wrk with so many connections; returns requests answered and requests a second."""
    if script is None:
        script = WORK / "post.lua"
        script.write_text(f"wrk.method='POST'\nwrk.body=[[{body}]]\n")
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"bench: wrk saw errors:\n{out}")
    return (int(re.search(r"(\d+) requests in", out).group(1)),
            float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)))


def cost(pid, port, **options):
    """Processor microseconds per request: user, system."""
    before = cpu_seconds(pid)
    requests, rate = load(port, **options)
    after = cpu_seconds(pid)
    return [(a - b) / requests * 1e6 for a, b in zip(after, before)] + [rate]


@functools.cache
def allocation_counter():
    """The library that counts allocations where it is loaded before a program."""
    shim = WORK / "count.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(shim),
                    str(ROOT / "scripts/count_allocations.c"), "-ldl"], check=True)
    return shim


def allocations(environment=None, **traffic):
    """Requests that a service of its own answered in two seconds, and what it allocated meanwhile."""
    shim = allocation_counter()
    count_file = WORK / "count"
    count_file.write_bytes(bytes(4096))
    _, port = start_service({"LD_PRELOAD": str(shim), "ALLOCATION_COUNT": str(count_file),
                             **(environment or {})})
    wait_until_ready(port)

    def count():
        return struct.unpack("L", count_file.read_bytes()[:8])[0]

    if count() == 0:
        sys.exit("bench: the allocation counter did not count the start-up: it is not loaded")
    load(port, seconds=1, **traffic)
    before = count()
    requests, _ = load(port, seconds=2, **traffic)
    return requests, count() - before


def write_json(name, measured):
    """Measurements for `loadgen gate`, which calls a value by the names on the way to it."""
    (ROOT / "reports" / f"{name}.json").write_text(json.dumps(measured, indent=1) + "\n")


def stop_all():
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait()

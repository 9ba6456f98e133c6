# Functions for the scripts, to be sourced: they start programs and stop them. Sourcing this file creates a
# folder, $work. When the script ends, for whatever reason, the programs that it started are stopped in
# reverse order, and the folder is removed.
#   BIN (.build/release) is where the programs are.
# shellcheck shell=bash
bin=${BIN:-.build/release}
script=${0##*/}
work=$(mktemp -d)
started=()
port= target=

# start PROGRAM [ARGUMENT...]: runs a program in the background.
start() {
    "$@" &
    started+=($!)
}

# stop_last: sends SIGTERM to the program that was started last, and fails if its exit status is not 0.
stop_last() {
    local pid=${started[-1]}
    unset 'started[-1]'
    kill -TERM "$pid"
    wait "$pid"
}

finish() {
    local status=$? i
    trap - EXIT INT TERM
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_service [FLAG...]: starts a service on a free port; sets $port and its address, $target.
start_service() {
    start "$bin/tidemark" --port 0 --log-format text "$@" 2>"$work/service.log"
    for _ in $(seq 200); do
        port=$(sed -n 's/.*serves on port \([0-9]*\).*/\1/p' "$work/service.log")
        if [ -n "$port" ]; then
            target=http://127.0.0.1:$port
            return
        fi
        kill -0 "${started[-1]}" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/service.log" >&2
    echo "$script: the service did not start" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

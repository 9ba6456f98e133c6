# What the scripts share, to be sourced: programs that they start, and how these end. Sourcing it makes
# a folder, $work, and when the script ends, however it does, stops what it started, last one first, and
# removes the folder.
#   BIN (.build/release) is where the programs are.
# shellcheck shell=bash
bin=${BIN:-.build/release}
script=${0##*/}
work=$(mktemp -d)
started=()
port= target=

# start PROGRAM [ARGUMENT...]: runs it beside the script.
start() {
    "$@" &
    started+=($!)
}

# stop_last: ends what was started last, as an operator would, and fails if it ends badly.
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

# start_service [FLAG...]: a service on a free port, in $port, and its address, in $target.
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

import Foundation
import TestSupport

/// A network of its own with a real name server in it, and a static program on an empty root: what
/// an image finds in a cluster, where Redis is a name.
enum NameServer {
    /// Runs as root of namespaces of its own; the name's address moves from one Redis to the other.
    private static let script = #"""
        set -eu
        folder=$1 program=$2
        ip link set lo up
        mkdir -p "$folder/root/etc" "$folder/root/proc" "$folder/root/dev"
        cp "$program" "$folder/root/tidemark"
        mount --bind "$folder/root" "$folder/root"
        mount -t proc proc "$folder/root/proc"
        printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:2\n' >"$folder/root/etc/resolv.conf"
        # As in the cluster, nothing can be written from here on.
        mount -o remount,bind,ro "$folder/root"
        touch "$folder/root/written" 2>/dev/null && echo "the root can be written"
        pids=()
        trap 'kill "${pids[@]}" 2>/dev/null || true; wait || true' EXIT
        name_server() {
            dnsmasq --keep-in-foreground --no-resolv --no-hosts --listen-address=127.0.0.1 \
                --bind-interfaces --user=root --pid-file= --local-ttl=0 \
                --address="/redis.highload.svc.cluster.local/$1" 2>>"$folder/dnsmasq.log" &
            names=$!
            pids+=("$names")
        }
        for last in 2 3; do
            redis-server --bind "127.0.0.$last" --port 6379 --save '' --loglevel warning >/dev/null &
            pids+=($!)
        done
        first=${pids[0]}
        name_server 127.0.0.2
        sleep 0.5
        STORE=redis://redis.highload.svc.cluster.local:6379 THREADS=1 PORT=18080 \
            chroot --userspec=65532:65532 "$folder/root" /tidemark 2>"$folder/log" &
        service=$!
        pids+=("$service")
        answer() {
            for _ in $(seq 100); do
                code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' -d '{"cpu":1,"rps":2}' \
                    http://127.0.0.1:18080/ingest || true)
                [ "$code" = 202 ] && break
                sleep 0.1
            done
            echo "$1: $code"
        }
        # A log begins with an empty entry.
        entries() { echo $(($(redis-cli -h "127.0.0.$1" XLEN 'tm:{0}') - 1)); }
        answer first
        echo "in the first: $(entries 2)"
        kill "$first" "$names"
        wait "$first" "$names" || true
        name_server 127.0.0.3
        answer second
        echo "in the second: $(entries 3)"
        kill -TERM "$service"
        wait "$service" && echo "ended well"
        """#

    /// What a program said of a store whose name moves to another address.
    static func follow(_ program: String) throws -> (lines: [String], log: String) {
        let folder = Programs.temporaryPath("-names")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try Programs.run(
            "timeout",
            [
                "60", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash",
                "-c", script, "names", folder, program,
            ])
        let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
        return (run.output.split(separator: "\n").map(String.init), run.output + log)
    }
}

/// What `loadgen --help` prints: every command, one after the other.
let help = introduction + helpSections.map(\.text).joined(separator: "\n") + "\n" + exitStatuses

/// What `loadgen COMMAND --help` prints; all of it where there is no such command.
func helpText(for command: String) -> String {
    guard let section = helpSections.first(where: { $0.command == command }) else { return help }
    return section.text + "\n" + exitStatuses
}

private let introduction = """
    loadgen: sends load, measures from the intended send, judges what came back.
    loadgen COMMAND --help tells of one command, loadgen --version which one this is.


    """

private let exitStatuses = """
    Exit status: 0 held, 99 a threshold fell short, 1 the run failed or can't be relied on, 64 usage.

    """

private let helpSections: [(command: String, text: String)] = [
    (
        "run",
        """
        loadgen run --target http://host:port[/prefix][,https://…] [what] [how] [outputs]
          when    --rate 500 | --ramp 100..5000/60s | --steps 500,1000,2000x30s    an open loop: the plan
                  decides when, and latency counts from the plan (--spacing even|poisson)
                  --closed    as fast as the connections allow (what happens without one of these)
                  --duration 30s  --warmup 0s
                  --abort-on 'errors > 50% for 5s': a hopeless run ends early, with its results
          what    --preset mixed-500|agents|FILE (a flag a line)
                  --mix ingest=90,batch=0,metrics=0,analyze=10,stats=0,request=0  --batch 100
                  --devices 0  --spread uniform|sticky   --labelled default|hard: a labelled suite in
                  order, its verdicts judged
          own     --path /in  --method POST  --header 'Name: value' (several)  --body TEXT | --body-file FILE
                  {{device}} {{timestamp}} {{rps}} {{cpu}} {{seq}} stand for values of each request
          good    an answer is good with a status of 200 to 299 and, to samples, with a verdict in it;
                  --expect 202,404 names other statuses
          how     --connections 64  --connect-rate N/s  --keep-alive on|off  --threads 1  --timeout 10s
                  --host-header H  --token T (or TOKEN in the environment)  --seed 1
                  --keys on|off: each request that stores something has an Idempotency-Key of its own
                  (off unless --retries)   --retries 0: up to so many more attempts (10 at most), of the
                  same key and body, after a 503, a cut connection or a time-out
                  --ca FILE (or TLS_CA_FILE in the environment)  --insecure: https to anybody
          judge   --slo 'p95 < 50ms, errors < 0.1%'   --allow-late: a run whose generator was late, busy
                  or short of its rate still counts
          outputs --json FILE (- for a line of output)  --csv FILE (over time)
                  --hgrm FILE (percentiles)  --markdown FILE  --svg PREFIX (PREFIX-percentiles.svg, PREFIX-timeline.svg)
                  --junit FILE  --prometheus FILE  --repeat 5 (runs of one plan, in one JSON file)
                  --server-pid PID (processor time of a server on this machine, per answer)
          for reports --name TEXT  --replicas FILE (a Unix time and a count a line)
                  --quiet: nothing on the terminal but what went wrong

        """
    ),
    (
        "find-max",
        """
        loadgen find-max --target URL --slo 'p95 < 50ms, errors < 0.1%' [what] [how]
          the highest rate that holds it, by search, confirmed by a longer run:
                  --start 1000  --min 10  --max 1000000  --step 5s  --duration 30s (of the confirmation)
                  --precision 0.05  --json FILE  --markdown FILE  --svg PREFIX (PREFIX-steps.svg)

        """
    ),
    (
        "show",
        """
        loadgen show RUN.json [--replicas FILE] [--json FILE] [--markdown FILE] [--svg PREFIX]
          the report of a run, from its JSON alone

        """
    ),
    (
        "merge",
        """
        loadgen merge A.json B.json … [--slo TEXT] [outputs]
          one result of several machines that sent load at the same time

        """
    ),
    (
        "compare",
        """
        loadgen compare BEFORE AFTER [--margin 0.05] [--force] [--markdown FILE]
          what got better or worse; each side a result, several joined by commas, or a folder of them.
          99 when one measure got worse; --force compares what does not belong together, too

        """
    ),
    (
        "gate",
        """
        loadgen gate THRESHOLDS NAME=RESULT.json … [--junit FILE] [--force]
          holds results against a file of thresholds, such as: load.latency_ms.p95 < 50ms
          1 when a result can't be relied on, unless --force

        """
    ),
    (
        "report",
        """
        loadgen report --thresholds FILE --out PAGE.md [--about TEXT.md] NAME=RESULT.json …
          the write-up with its pictures, from those files alone

        """
    ),
]

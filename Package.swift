// swift-tools-version: 6.2
import PackageDescription

// One set of rules for every room: language mode 6, strict memory safety, warnings are errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], exclude files: [String] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: files, swiftSettings: strict)
}

let package = Package(
    name: "tidemark",
    products: [
        .executable(name: "tidemark", targets: ["Service"]),
        .executable(name: "loadgen", targets: ["LoadGen"]),
        .executable(name: "synthetic", targets: ["Synthetic"]),
        .executable(name: "tidemark-fuzz", targets: ["Fuzz"]),
        .executable(name: "tidemark-benchmark", targets: ["Benchmark"]),
    ],
    targets: [
        // The outside world.
        .systemLibrary(name: "CLinux"),
        // Instructions that the language does not give by themselves.
        .systemLibrary(name: "CArithmetic"),
        .systemLibrary(
            name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        // Without its pkg-config file, whose compiler flag the package manager refuses.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        // Its archive is linked, see Store.
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        // Their archives are linked, see Compression.
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        // libssl and libcrypto.
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        // libm, because the standard library's rounding needs it and nothing pure imports Glibc.
        .target(name: "CDecimal", linkerSettings: [.linkedLibrary("m")]),

        // Pure: no clock, no socket, no thread.
        library("Bytes", ["CDecimal"]),
        library("HTTP", ["Bytes"]),
        library("Numerics"),
        library("Options", ["Bytes"]),
        library("Detection", ["Numerics", "CArithmetic"]),
        library("Telemetry", ["Bytes"]),
        library("Report", ["Bytes", "Numerics", "Telemetry"]),
        library("Wire", ["Bytes", "HTTP", "Detection", "Options"]),
        library("SeriesLog", ["Bytes", "Detection", "Wire"]),
        library("Signals", ["Bytes", "Numerics"]),
        library("Scoring", ["Bytes", "Numerics", "Signals", "Report"]),

        // Effects.
        library("System", ["Bytes", "CLinux"]),
        library("Redis", ["Bytes", "Numerics", "System", "TLS", "CHiredis"]),
        .target(
            name: "Store",
            dependencies: [
                "Bytes", "Detection", "Options", "Telemetry", "System", "SeriesLog", "Redis",
                "TLS", "Wire", "CSQLite",
            ],
            swiftSettings: strict,
            linkerSettings: [.linkedLibrary(":libsqlite3.a"), .linkedLibrary("m")]),

        library("TLS", ["Bytes", "System", "COpenSSL"]),
        .target(
            name: "Compression", dependencies: ["Bytes", "HTTP", "CZlib", "CZstd", "CSnappy"],
            swiftSettings: strict,
            linkerSettings: [
                .linkedLibrary(":libz.a"), .linkedLibrary(":libzstd.a"),
                .linkedLibrary(":libsnappy.a"), .linkedLibrary("stdc++"),
            ]),
        library("HTTPClient", ["Bytes", "HTTP", "System", "TLS", "CLinux"]),

        library(
            "Push",
            [
                "Bytes", "Detection", "HTTPClient", "Numerics", "Options", "Store", "System", "TLS",
                "Wire",
            ]),

        // Programs: they only wire.
        program(
            "Service",
            [
                "Bytes", "Numerics", "HTTP", "HTTPClient", "Detection", "Wire", "Telemetry",
                "System", "Store", "SeriesLog", "Compression", "CJemalloc", "Options", "Push",
                "TLS",
            ]),
        program(
            "LoadGen",
            [
                "Bytes", "HTTP", "HTTPClient", "Telemetry", "Report", "Signals", "Scoring",
                "System", "TLS", "Numerics", "Options",
            ]),
        program(
            "Synthetic",
            ["Bytes", "Options", "HTTPClient", "Report", "Signals", "Scoring", "System", "TLS"]),
        program(
            "Fuzz",
            [
                "Bytes", "Numerics", "HTTP", "Detection", "Wire", "Signals", "Options",
                "System", "SeriesLog", "Redis", "Compression",
            ]),
        program(
            "Benchmark",
            ["Bytes", "Numerics", "Detection", "Telemetry", "System"]),

        // What the tests of programs share: programs, services and servers that they start and stop.
        .target(
            name: "TestSupport", dependencies: ["Bytes", "Redis", "TLS", "CLinux"],
            path: "Tests/Support",
            swiftSettings: strict),

        // A file layer of SQLite: what a power cut leaves of a file.
        .target(name: "CPowerCut", dependencies: ["CSQLite"], path: "Tests/PowerCut"),

        tests("NumericsTests", ["Numerics"]),
        tests("BytesTests", ["Numerics", "Bytes"]),
        tests("OptionsTests", ["Bytes", "Options"]),
        tests("HTTPTests", ["Numerics", "Bytes", "HTTP"]),
        tests("CompressionTests", ["Numerics", "Bytes", "HTTP", "Compression", "TestSupport"]),
        tests(
            "DetectionTests", ["Numerics", "Detection"], exclude: ["golden.csv", "golden-data.csv"]),
        tests("TelemetryTests", ["Numerics", "Bytes", "Telemetry"]),
        tests("ReportTests", ["Numerics", "Bytes", "Telemetry", "Report"]),
        tests("SignalsTests", ["Numerics", "Bytes", "Signals"]),
        tests("ScoringTests", ["Bytes", "Report", "Signals", "Scoring"]),
        tests("SystemTests", ["Bytes", "Numerics", "System"], exclude: ["ThreadSanitizer"]),
        tests(
            "HTTPClientTests", ["Bytes", "Numerics", "HTTP", "HTTPClient", "TestSupport"]),
        tests("TLSTests", ["Bytes", "Numerics", "TLS", "TestSupport"]),
        tests("WireTests", ["Numerics", "Bytes", "HTTP", "Detection", "Options", "Wire"]),
        tests("SeriesLogTests", ["Numerics", "Bytes", "Detection", "System", "Wire", "SeriesLog"]),
        tests(
            "StoreTests",
            [
                "Numerics", "Bytes", "Detection", "Telemetry", "System", "Wire",
                "SeriesLog", "Redis", "Store", "TestSupport", "CPowerCut",
            ]),
        tests(
            "ServiceTests",
            [
                "Numerics", "Bytes", "Detection", "Wire", "SeriesLog", "Redis", "Store", "Signals",
                "Service", "TLS", "TestSupport",
            ], exclude: ["GoPeer", "KeepAlive", "Recorded"]),
        tests(
            "LoadGenTests",
            [
                "Numerics", "Bytes", "Telemetry", "Options", "Signals", "Report", "LoadGen",
                "CLinux", "HTTPClient", "System",
                "TestSupport",
            ]),
        tests("DeploymentTests", ["TestSupport", "LoadGen", "Service"]),
        tests("PushTests", ["Bytes", "Detection", "Numerics", "Store", "TLS", "Wire", "Push"]),
        tests("FuzzTests", ["Fuzz", "Compression"], exclude: ["Differential"]),
        tests("SyntheticTests", ["Bytes", "Signals", "Scoring", "Synthetic", "TestSupport"]),
    ],
    cxxLanguageStandard: .cxx17
)

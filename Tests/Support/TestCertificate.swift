internal import Foundation

/// A self-signed certificate and its key in files, made by OpenSSL's own program.
package struct TestCertificate {
    /// Path of the certificate, which is its own authority.
    package let certificate: String
    package let key: String

    /// - Parameter names: whom it is made out to, such as `DNS:a.test` or `IP:127.0.0.1`.
    package init(names: [String]) throws {
        certificate = Programs.temporaryPath(".crt")
        key = Programs.temporaryPath(".key")
        let run = try Programs.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=test", "-addext",
                "subjectAltName=" + names.joined(separator: ","), "-keyout", key, "-out",
                certificate,
            ])
        guard run.status == 0 else { throw Failure("openssl: \(run.output)") }
    }

    package func remove() {
        for path in [certificate, key] { try? FileManager.default.removeItem(atPath: path) }
    }
}

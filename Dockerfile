# Two images from one build: `--target tidemark` (the service, the last stage here) and `--target loadgen`.
# Each holds one static program and nothing else: no shell, no package manager.
#
# SWIFT_IMAGE is the toolchain on Debian 12; `make image` builds both with what this machine has.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3.1-bookworm

FROM ${SWIFT_IMAGE} AS build
WORKDIR /src
COPY scripts/setup scripts/build-static scripts/
RUN scripts/setup build
COPY Package.swift ./
COPY Sources Sources
# Package.swift names the folders of the tests, so they must exist; the tests are not built.
COPY Tests Tests
RUN scripts/build-static /out && cp /etc/ssl/certs/ca-certificates.crt /out/

FROM scratch AS loadgen
COPY --from=build /out/loadgen /loadgen
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY presets /presets
USER 65532:65532
# This program runs once; its exit status says how the run ended.
HEALTHCHECK NONE
ENTRYPOINT ["/loadgen"]

FROM scratch AS tidemark
COPY --from=build /out/tidemark /tidemark
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENV PORT=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s --retries=3 CMD ["/tidemark", "check"]
ENTRYPOINT ["/tidemark"]

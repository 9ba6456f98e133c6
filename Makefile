# The commands for people and CI. Each target installs missing packages (scripts/setup) and names them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

RELEASE := swift build -c release --static-swift-stdlib
BIN := .build/release

.PHONY: help build demo run run-redis test bench counts attack fuzz differential sanitize lint architecture format image deb deploy manifests loadtest accuracy report gate baseline clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## release build of all programs
	@scripts/setup build
	@$(RELEASE)

demo: build ## service, labelled traffic, report: the whole process end to end
	@scripts/demo

run: build ## the service on :8080, series in the file run/series.db
	@mkdir -p run
	@STORE=$${STORE:-file:run/series.db} exec $(BIN)/tidemark

run-redis: build ## redis-server, two replicas, nginx in front on :8080, until Ctrl-C
	@scripts/setup redis
	@scripts/run-redis

test: ## all tests
	@scripts/setup build test
	@scripts/test

bench: build ## cost of a request beside nginx and wrk, and with Redis; ns per sample
	@scripts/setup bench
	@scripts/bench
	@scripts/bench-redis
	@scripts/bench-loadgen
	@$(BIN)/loadgen gate reports/thresholds-bench bench=reports/bench.json \
	    redis=reports/bench-redis.json loadgen=reports/bench-loadgen.json

counts: build ## instructions, system calls and allocations of a request, held to reports/thresholds-counts
	@scripts/setup bench
	@scripts/bench-counts
	@$(BIN)/loadgen gate reports/thresholds-counts counts=reports/bench-counts.json

attack: build ## what attacks on each store do to a good client, held to reports/thresholds-attack
	@scripts/setup bench
	@scripts/attack
	@$(BIN)/loadgen gate reports/thresholds-attack attack=reports/attack.json

differential: build ## REQUESTS (100000) random requests to this parser of HTTP, llhttp and Go's
	@scripts/setup test
	@scripts/differential $(or $(REQUESTS),100000) $(SEED)

sanitize: build ## the service under load with the thread sanitizer, on each store
	@scripts/setup bench
	@scripts/sanitize

fuzz: build ## random malformed input for FUZZ_TIME (60) seconds
	@$(BIN)/tidemark-fuzz --seconds $(or $(FUZZ_TIME),60)

lint: ## check layout and house rules
	@scripts/lint

architecture: ## draw the picture of modules in docs/architecture.md from the imports
	@scripts/architecture

format: ## format the sources
	@scripts/wrap-comments Sources Tests
	@swift format --in-place --recursive Sources Tests Package.swift

deb: ## a Debian package with static programs and a systemd unit, in dist
	@scripts/setup build
	@scripts/deb

image: ## container images tidemark:dev and tidemark-loadgen:dev, by docker, podman or buildah
	@scripts/image

deploy: ## deploy OVERLAY (k8s/overlays/minikube) to the cluster that kubectl uses
	@OVERLAY='$(OVERLAY)' scripts/deploy

manifests: ## check k8s against the Kubernetes schemas; rewrite the operator's copy of the rules
	@scripts/setup test
	@scripts/prometheus-rule
	@swift build --product tidemark && swift build --product loadgen
	@.build/clients/bin/python scripts/check-manifests --bin .build/debug

loadtest: $(if $(filter 1,$(IN_CLUSTER)),,build) ## test TARGET under load: make loadtest TARGET=http://host:port RPS=500 DURATION=60s
	@TARGET='$(TARGET)' RPS='$(RPS)' DURATION='$(DURATION)' HOST_HEADER='$(HOST_HEADER)' \
	    IN_CLUSTER='$(IN_CLUSTER)' SLO='$(SLO)' scripts/loadtest

accuracy: build ## score the verdicts on labelled series; DATA=DIR for your own series
	@scripts/accuracy

report: build ## measure this build on this machine; REUSE=1 reuses the last JSON files
	@scripts/report

gate: build ## check the last measurements; BASELINE=DIR compares with the results of `make baseline` too
	@BASELINE='$(BASELINE)' scripts/gate

baseline: build ## measure what `make gate BASELINE=DIR` compares with, into BASELINE
	@BASELINE='$(BASELINE)' scripts/gate --write

clean: ## remove what was built
	@rm -rf .build

# Every goal installs what it lacks (scripts/deps) and says so.
CARGO ?= cargo
EVALUATION := --features evaluation

.PHONY: all build test lint fmt clippy doc deny semver demo bench bench-peers fuzz fuzz-smoke vm-test vm-demo k8s-test patched-branch help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

all: lint test

build: ## release build of fipsctl, strict
	scripts/deps build
	$(CARGO) build --release --locked -p fipsctl

test: ## all tests: first that the normal build refuses, then everything under evaluation
	scripts/deps test
	scripts/peers
	scripts/vectors
	$(CARGO) test --locked -p fips-core -p fipsctl
	$(CARGO) test --locked --workspace $(EVALUATION)
# aws-lc-rs looks at the service indicator in debug builds, too; in release builds we do alone.
# fipsctl is named so that the module is the one that `make build` compiles.
	$(CARGO) test --release --locked -p fips-core -p fipsctl $(EVALUATION) --lib
	$(CARGO) test --release --locked -p fips-core -p fipsctl --test broken_binary

lint: fmt clippy doc deny ## format, clippy, documentation, dependency rules

fmt:
	$(CARGO) fmt --all --check

clippy:
	scripts/deps lint
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --all-targets $(EVALUATION) -- -D warnings

doc:
	scripts/deps lint
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: ## dependency rules, and that they can fail
	scripts/deny

semver: ## the public API against the last release's, and that the comparison can fail
	scripts/deps lint
	scripts/semver

demo: ## the main job: status, a PKI, a three-member etcd, renewal under load
	scripts/demo

bench: ## criterion benches
	scripts/deps build
	$(CARGO) bench --locked $(EVALUATION) --bench '*'

bench-peers: ## handshakes beside other TLS stacks, in turn: ratios and targets; five minutes and the builds
	scripts/bench-peers

fuzz: ## a long run of one fuzz target: TARGET=handshake SECONDS=600
	scripts/deps build
	scripts/fuzz run "$(TARGET)" "$(or $(SECONDS),600)"

fuzz-smoke: ## every fuzz target: its corpus, then a few seconds
	scripts/deps build
	scripts/fuzz smoke

vm-test: ## the gate under Debian's own kernel in QEMU, FIPS mode on and off, forged and hidden
	scripts/vm test

vm-demo: ## watch it: that kernel boots with fips=1, then with fips=0
	scripts/vm demo

k8s-test: ## a real Kubernetes control plane on our trees: who may what, and every rotation; twenty minutes
	scripts/k8s test

patched-branch: ## a copy with a later release of the module's branch: refuses, opens where accepted
	scripts/patched-branch

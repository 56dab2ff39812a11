# Two commands do everything on a machine with cargo, a C++ compiler, python3 and the package registries:
#   make demo [LOGS=URI]   sets up, builds, and goes round the loop: twice on simulated drives, or once on logs of yours
#   make test              sets up, builds, and runs every test; its last line says how many passed, failed and were skipped
# and `make bench` compares ingest and mining with other programs on the same logs and tables.

CACHE := $(or $(DRIVELOOP_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/driveloop)
# Compiled output lies outside the checkout, so that fresh clones share it.
export CARGO_TARGET_DIR ?= $(CACHE)/target
BIN := $(CARGO_TARGET_DIR)/debug
DEMO := demo

.PHONY: setup build demo test bench calibration fuzz lint clean-demo

setup:
	@tools/setup

build: setup
	cargo build --workspace --locked --bins

# A second run goes on with the lake of the first, and finds nothing to do; `make clean-demo` starts over.
demo: build
ifdef LOGS
	$(BIN)/driveloop round run rounds/logs.toml --lake $(DEMO)/lake --source $(LOGS)
else
	$(BIN)/driveloop round run rounds/demo-1.toml --lake $(DEMO)/simulated-lake
	$(BIN)/driveloop round run rounds/demo-2.toml --lake $(DEMO)/simulated-lake
	$(BIN)/driveloop round history --lake $(DEMO)/simulated-lake
endif

test: build
	@tools/setup --peers
	@DRIVELOOP_PEERS=$(CACHE)/peers DRIVELOOP_BENCH=$(wildcard $(CACHE)/bench) tools/test

# With the profile of the build, so that it measures that one and builds no other.
bench: build
	@tools/setup --bench
	DRIVELOOP_BENCH=$(CACHE)/bench cargo test --workspace --locked --bench ingest --bench mining

# Fuzzes what reads logs, each container and encoding for so many seconds.
SECONDS ?= 60
fuzz: setup
	tools/fuzz $(SECONDS)

# Simulates thousands of releases and writes ota-validation/docs/calibration.md. Takes some minutes.
calibration: setup
	cargo test --workspace --locked --bench calibration

lint: setup
	cargo fmt --check
	cargo clippy --workspace --locked --all-targets -- --deny warnings

clean-demo:
	rm -rf $(DEMO)

# Without just: ./dev RECIPE installs it first. `./dev compile` and `./dev test` need nothing but Rust.

# One set of features for all that needs a server: they are then built once.
everything := "--features db,kafka"

# What can be done here
[private]
default:
    @{{ just_executable() }} --list --unsorted

# Compile this repository's profiles into generated/
compile *arguments:
    cargo run --release --locked -q -- compile {{ arguments }}

# Check this repository's profiles; writes nothing
check *arguments:
    cargo run --release --locked -q -- check {{ arguments }}

# The Rust tests, and that the compiler builds with no features
test *arguments:
    cargo build --locked --no-default-features
    cargo test --locked {{ arguments }}

# Give the compiled files to the real Kafka clients (Python, Java, Node; fetched into .dev/clients)
test-clients:
    tests/clients/selftest
    cargo test --locked --test lower spread
    tests/clients/run target/lowered
    tests/clients/run generated/properties

# Brokers, topic scripts, the safety rules and every profile under load on a real Kafka; its jars are fetched once, with Maven
test-kafka *arguments:
    cargo test --locked {{ everything }} --lib -- broker:: harness::
    cargo test --locked {{ everything }} --test docs --test plan --test report
    cargo test --locked {{ everything }} --test kafka {{ arguments }}
    cargo test --locked {{ everything }} --test processes {{ arguments }}
    @! docker info >/dev/null 2>&1 || tests/docker/image || echo 'note: no image to run in docker: profiles are put under load on the local broker'
    cargo test --locked {{ everything }} --test proof {{ if arguments == "" { "profile::" } else { arguments } }}

# Every profile and every case under real load on a real broker: takes a quarter of an hour, and a machine that is idle
test-proof *arguments:
    cargo test --locked {{ everything }} --test proof {{ arguments }}

# The same broker in a container; needs an engine that answers
test-docker *arguments:
    tests/docker/image
    cargo test --locked {{ everything }} --test docker {{ arguments }}

# test-docker where an engine answers, else a line that says that it was not tried
[private]
test-docker-if-there:
    @if docker info >/dev/null 2>&1; then \
        {{ just_executable() }} test-docker; \
    else \
        echo 'note: brokers in docker were NOT tried: no engine answers (docker info); the local broker was'; \
    fi

# The database's schema, on a PostgreSQL that the tests start themselves (or on $DATABASE_URL)
test-db *arguments:
    cargo test --locked {{ everything }} --test db {{ arguments }}

# The Python package: types, formatting, and its tests on a real PostgreSQL and a real Kafka (into .dev/python)
test-python *arguments: python
    # The binary comes along with any test's build; `cargo build` would build most of what is below it once more.
    cargo test --locked {{ everything }} --no-run --test plan
    cd clients/python && ../../.dev/python/bin/ruff check . && ../../.dev/python/bin/ruff format --check . && ../../.dev/python/bin/mypy
    cd clients/python && ../../.dev/python/bin/pytest {{ arguments }}

# What BaseKafkaConsumer costs over a bare aiokafka loop
bench-python *arguments: python
    cargo test --locked {{ everything }} --no-run --test plan
    .dev/python/bin/python clients/python/bench/overhead.py {{ arguments }}

# The TypeScript package: types, formatting, and its tests on a real PostgreSQL and a real Kafka
test-typescript *arguments: typescript
    cargo test --locked {{ everything }} --no-run --test plan
    cd clients/typescript && npm run --silent check && npm run --silent pretest
    cd clients/typescript && node --test-reporter=spec {{ arguments }} build/tests/all.js

# What BaseKafkaConsumer costs over a bare kafkajs loop
bench-typescript *arguments: typescript
    cargo test --locked {{ everything }} --no-run --test plan
    cd clients/typescript && npm run --silent pretest && node build/bench/overhead.js {{ arguments }}

# Confluent's client is built once, for test-clients and this
[private]
typescript:
    tests/clients/install "${LAGPROOF_DEV_DIR:-.dev}/clients"
    cmp -s clients/typescript/package-lock.json clients/typescript/node_modules/.installed || { \
        npm ci --prefix clients/typescript --silent --no-audit --no-fund && \
        cp clients/typescript/package-lock.json clients/typescript/node_modules/.installed; }
    mkdir -p clients/typescript/node_modules/@confluentinc
    ln -sfn "$(cd "${LAGPROOF_DEV_DIR:-.dev}/clients/npm" && pwd)/node_modules/@confluentinc/kafka-javascript" clients/typescript/node_modules/@confluentinc/kafka-javascript

[private]
python:
    [ -x .dev/python/bin/pip ] || python3 -m venv .dev/python
    cmp -s clients/python/requirements-dev.txt .dev/python/installed || { \
        .dev/python/bin/pip install --quiet --disable-pip-version-check -r clients/python/requirements-dev.txt && \
        .dev/python/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python && \
        cp clients/python/requirements-dev.txt .dev/python/installed; }

# The Rust loader, on a real PostgreSQL and a real Kafka
test-rust-client *arguments:
    cargo test --locked -p lagproof-client {{ arguments }}

# What BaseKafkaConsumer costs over a bare loop on rdkafka's StreamConsumer
bench-rust-client *arguments:
    cargo bench --locked -p lagproof-client --bench overhead -- {{ arguments }}

# Time the compiler on generated projects, and beside other tools; `just bench build` times a clean build
bench *arguments:
    cargo bench --locked --bench processes -- {{ arguments }}

# Time load and workers on a local broker: a worker against a bare loop, how late the open loop is, Kafka's own tools
bench-load *arguments:
    cargo bench --locked --features kafka --bench load -- {{ arguments }}

# Time the database: queries over ten million samples, recording, seeding ten thousand services; takes minutes and 3 GB of disk
bench-db *arguments:
    cargo bench --locked --features db --bench database -- {{ arguments }}

# Install the tools that `just bench` compares with into .dev: conftest (needs Go), taplo and check-jsonschema (Python)
peers:
    python3 -m venv .dev/peers
    .dev/peers/bin/pip install --quiet --disable-pip-version-check taplo==0.9.3 check-jsonschema==0.39.0
    GOBIN="$PWD/.dev/bin" go install github.com/open-policy-agent/conftest@v0.71.1

# Feed the reading path made-up input, with nightly Rust where it is installed
fuzz target="read" seconds="600":
    fuzz/run {{ target }} {{ seconds }}

# Write the generated pages of docs/reference again
docs:
    cargo run --locked -q -- docs
    cargo run --locked -q --features kafka -- worker --schema > docs/reference/worker-protocol.schema.json

# Format the source
fmt:
    cargo fmt

# Formatting, clippy without a warning, and shellcheck where it is installed
lint:
    cargo fmt --all --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --all-targets {{ everything }} -- -D warnings
    cargo clippy --locked -p lagproof-client --all-targets -- -D warnings
    command -v shellcheck >/dev/null || { echo 'shellcheck is not installed: the scripts were not linted'; exit 0; }; \
    git ls-files | xargs awk 'FNR == 1 && /^#!.*[^[:alpha:]](ba)?sh$/ { print FILENAME }' | xargs shellcheck

# Everything that a pull request must pass
ci: lint test test-clients test-db test-kafka test-python test-typescript test-rust-client test-docker-if-there
    cargo run --release --locked -q -- compile --check

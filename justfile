# Without just: ./dev RECIPE installs it first. `./dev compile` and `./dev test` need nothing but Rust.

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
    tests/clients/run generated/properties

# The database's schema, on a PostgreSQL that the tests start themselves (or on $DATABASE_URL)
test-db *arguments:
    cargo test --locked --features db --test db {{ arguments }}

# Time the compiler on generated projects of 10, 1,000 and 10,000 services
bench *arguments:
    cargo bench --locked {{ arguments }}

# Feed the reading path made-up input; needs the nightly toolchain
fuzz target="read" seconds="600":
    export PATH="$PWD/.dev/bin:$PATH"; \
    command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --version 0.13.2 --locked --root .dev; \
    cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }}

# Write the generated pages of docs/reference again
docs:
    cargo run --locked -q -- docs

# Format the source
fmt:
    cargo fmt

# Formatting, clippy without a warning, and shellcheck where it is installed
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets --all-features -- -D warnings
    command -v shellcheck >/dev/null || { echo 'shellcheck is not installed: the scripts were not linted'; exit 0; }; \
    git ls-files | xargs awk 'FNR == 1 && /^#!.*[^[:alpha:]](ba)?sh$/ { print FILENAME }' | xargs shellcheck

# Everything that a pull request must pass
ci: lint test test-clients test-db
    cargo run --release --locked -q -- compile --check

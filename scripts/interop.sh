#!/usr/bin/env bash
# interop.sh: tests against other people's programs from PyPI, in a virtual environment; the licences of all
# dependencies; and these scripts. Slow; run before an issue is resolved, not in continuous integration.

. "$(dirname "$0")/common.sh"

CARGO_DENY=0.20.2

need_path tests/interop/requirements.txt "the programs to test against, with their versions"
scripts/setup.sh demo
have python3 || fail "python3 is missing: apt-get install python3 python3-venv"
have shellcheck || fail "shellcheck is missing: apt-get install shellcheck"

heading "Scripts"
shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run

if ! have cargo-deny; then
    heading "Building cargo-deny $CARGO_DENY (about 4 minutes)"
    cargo install --quiet --locked --root "$TOOLS" --version "$CARGO_DENY" cargo-deny
fi
heading "Licences, bans and sources"
cargo deny --log-level error check licenses bans sources

heading "Other people's programs"
cargo build --release --locked --package nc-cli
cargo build --release --locked --package nc-model --example write_adapter
environment="$ROOT/target/interop"
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --requirement tests/interop/requirements.txt
NEURALCHAT_CLI="$TARGET/release/neuralchat-cli" WRITE_ADAPTER="$TARGET/release/examples/write_adapter" \
    "$environment/bin/python" -m pytest -rs tests/interop

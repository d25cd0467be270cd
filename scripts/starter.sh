#!/usr/bin/env bash
# starter.sh [ARGUMENTS OF make-starter]: trains the model inside the program anew, with the program's own trainer, and writes
# assets/starter and assets/samples. What an earlier start has made in target/starter is taken.

. "$(dirname "$0")/common.sh"

scripts/setup.sh demo
cargo build --release --locked --package nc-starter
mkdir -p target/starter
exec "$TARGET/release/make-starter" "$@"

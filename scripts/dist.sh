#!/usr/bin/env bash
# dist.sh: the .deb and .rpm packages, with the window, neuralchat-cli, icons, a menu entry and the type of .gguf files.

. "$(dirname "$0")/common.sh"

scripts/setup.sh dist
build_page
# tauri.conf.json names the command line by this folder.
export CARGO_TARGET_DIR="$ROOT/target"
cargo build --release --locked --package neuralchat --package nc-cli
"$TOOLS/tauri-cli/node_modules/.bin/tauri" bundle --ci --bundles deb,rpm
heading "Packages"
ls -l target/release/bundle/deb/*.deb target/release/bundle/rpm/*.rpm

#!/usr/bin/env bash
# run.sh [ARGUMENTS]: builds the program and starts it. Without a display it runs the demo in the terminal instead.

. "$(dirname "$0")/common.sh"

announce() {
    if [ -x "$TARGET/release/$1" ]; then
        heading "Building what changed"
    else
        heading "Building: the first time takes about $2 minutes on $(nproc 2>/dev/null || echo 2) cores, later seconds"
    fi
}

cores=$(nproc 2>/dev/null || echo 2)

if ! has_display; then
    say "There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set): the demo runs in this terminal instead."
    scripts/setup.sh demo
    announce neuralchat-cli $((12 / cores + 1))
    cargo build --release --locked --package nc-cli
    exec "$TARGET/release/neuralchat-cli" demo
fi

scripts/setup.sh run
announce neuralchat $((24 / cores + 1))
build_page
cargo build --release --locked --package neuralchat
heading "Starting NeuralChat Desktop"
exec "$TARGET/release/neuralchat" "$@"

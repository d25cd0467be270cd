#!/usr/bin/env bash
# bench.sh [MODEL]: how fast the command line generates on this machine, with the embedded model or the one given.

. "$(dirname "$0")/common.sh"

model=${1:-assets/starter}
need_path "$model" "there is no model to measure with"
scripts/setup.sh demo
cargo build --release --locked --package nc-cli
heading "256 tokens from $model, greedy, three times"
for _ in 1 2 3; do
    "$TARGET/release/neuralchat-cli" generate --model "$model" --prompt "" --max-new-tokens 256 --temperature 0 --seed 1 --json
done

#!/usr/bin/env bash
# bench.sh [ARGUMENTS OF bench infer]: how fast this machine computes: the products, then models of 1.1 B random weights (or
# the model and weights given), beside what it could do at most.

. "$(dirname "$0")/common.sh"

scripts/setup.sh demo
cargo build --release --locked --package nc-cli
cli="$TARGET/release/neuralchat-cli"
"$cli" kernels
heading "Products"
"$cli" bench kernels
if [ $# -gt 0 ]; then
    heading "bench infer $*"
    exec "$cli" bench infer "$@"
fi
for weights in q4_0 q4_k_m q8_0 bf16 int4-g128; do
    heading "llama-1.1b, $weights: 512 tokens read, 64 written, medians of 5"
    "$cli" bench infer --preset llama-1.1b --weights "$weights"
done

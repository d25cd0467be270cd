# shellcheck shell=bash
# Read by the other scripts: where things lie, how they speak. Leaves the caller in the repository's root.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# A cache outside the clone shortens a repeated run; nothing needs it.
if [ -n "${NEURALCHAT_CI_CACHE:-}" ] && [ -d "$NEURALCHAT_CI_CACHE" ]; then
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$NEURALCHAT_CI_CACHE/target}"
    TOOLS="$NEURALCHAT_CI_CACHE/tools"
else
    TOOLS="$ROOT/target/tools"
fi
# shellcheck disable=SC2034 # used by the scripts that read this file
TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"

# What this project installs for itself stays in its own folder; rustup puts Rust into the home folder.
# A Node that setup fetched is used before an older one of the system. These folders may come to be while a script runs.
export PATH="$TOOLS/node/bin:$TOOLS/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

say() { printf '%s\n' "$*"; }
heading() { printf '\n==> %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Linux needs an X or Wayland server for a window; macOS and Windows always have a screen.
has_display() {
    [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]
}

# need_path FILE_OR_FOLDER WHAT_IT_IS: a missing part is an error, never silence.
need_path() {
    [ -e "$1" ] || fail "$1 is missing: $2."
}

# Installs the page's packages exactly as locked, unless the same lock is installed already.
install_page_packages() {
    need_path ui/package-lock.json "the window's page cannot be built without its locked packages"
    if ! cmp -s ui/package-lock.json ui/node_modules/.installed-lock.json; then
        (cd ui && npm ci --no-audit --no-fund)
        cp ui/package-lock.json ui/node_modules/.installed-lock.json
    fi
}

build_page() {
    install_page_packages
    (cd ui && npm run build)
}

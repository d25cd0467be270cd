#!/usr/bin/env bash
# test.sh: every check that continuous integration makes. A step that fails does not hide the later ones; the last line
# counts the tests, and the status is 0 only if all of them, and all other steps, passed.

. "$(dirname "$0")/common.sh"

scripts/setup.sh test
need_path ui/package.json "the page and its tests"
need_path tests/e2e/package.json "the tests that drive the real window"

logs="$ROOT/target/test-logs"
rm -rf "$logs"
mkdir -p "$logs"

passed=0        # tests
failed=0        # tests, and steps that failed without naming a test
table=()        # one line for each step
summaries=()    # the test runners' own last lines

# step NAME COMMAND...: runs it, keeps its output, times it.
step() {
    local name=$1 log="$logs/$1.log" started=$SECONDS status=0
    shift
    heading "$name"
    "$@" 2>&1 | tee "$log" || status=1
    table+=("$(printf '%-18s %-6s %5d s' "$name" "$([ $status -eq 0 ] && echo ok || echo FAILED)" $((SECONDS - started)))")
    # Colours are for people; the counting below is not.
    sed -i 's/\x1b\[[0-9;]*[A-Za-z]//g' "$log"
    return $status
}

# check NAME COMMAND...: a step without tests of its own.
check() { step "$@" || failed=$((failed + 1)); }

# tests NAME PATTERN COMMAND...: a step whose summary lines match PATTERN and say "N passed" and "N failed".
tests() {
    local name=$1 pattern=$2 status=0 lines bad good
    shift 2
    step "$name" "$@" || status=1
    lines=$(grep -E "$pattern" "$logs/$name.log" || true)
    good=$(sum '[0-9]+ passed' <<<"$lines")
    bad=$(sum '[0-9]+ failed' <<<"$lines")
    passed=$((passed + good))
    failed=$((failed + bad))
    summaries+=("$name: $good passed, $bad failed")
    if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        failed=$((failed + 1))
    elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
        say "error: $name ran no test at all"
        failed=$((failed + 1))
    fi
}

# sum PATTERN: adds the numbers that begin the matches on standard input.
sum() { { grep -oE "$1" || true; } | awk '{ total += $1 } END { print total + 0 }'; }

in_folder() { (cd "$1" && shift && "$@"); }

# The window on a screen of its own, with a message bus of its own.
drive_the_window() {
    export NEURALCHAT_BINARY="$TARGET/debug/neuralchat" NEURALCHAT_CLI="$TARGET/debug/neuralchat-cli"
    in_folder tests/e2e npm ci --no-audit --no-fund &&
        in_folder tests/e2e dbus-run-session -- \
            xvfb-run --auto-servernum --server-args="-screen 0 1440x960x24 -nolisten tcp" npm test
}

document() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps; }

# Tauri puts the page into the program, so the page comes first; without it nothing else can be built.
step page-install in_folder ui npm ci --no-audit --no-fund || fail "the page's packages could not be installed"
step page-build in_folder ui npm run build || fail "the page could not be built"
check page-types in_folder ui npm run check
check page-lint in_folder ui npm run lint
tests page-tests '^ *Tests  ' in_folder ui npm test
check page-budget in_folder ui npm run budget
check rust-format cargo fmt --all --check
check rust-clippy cargo clippy --locked --workspace --all-targets -- -D warnings
check rust-docs document
# The binaries first: tests start them.
check rust-build cargo build --locked --workspace --bins
tests rust-tests '^test result:' cargo test --locked --workspace --no-fail-fast
tests window-tests '^ *Tests  ' drive_the_window

heading "The kernels that ran (each path of this machine is tested; AMX, where it is missing, by an emulator)"
"$TARGET/debug/neuralchat-cli" kernels || true

heading "Steps (make interop checks the dependencies' licences and these scripts)"
printf '%s\n' "${table[@]}"
grep -hE '^test result:|^ *Tests  ' "$logs"/{rust,page,window}-tests.log || true
printf '%s\n' "${summaries[@]}"
say "total: $((SECONDS / 60)) min $((SECONDS % 60)) s"
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

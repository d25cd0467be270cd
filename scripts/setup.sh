#!/usr/bin/env bash
# setup.sh FOR: makes sure that this machine has what FOR needs; FOR is one of
#   demo   the command line only: a C compiler and Rust
#   run    the window: the same, GTK and WebKitGTK, and Node
#   dist   packages: as run
#   test   everything: as run, and a display without a screen, WebDriver, and what the tests call
# On Debian and Ubuntu it lists what is missing, asks, and installs it. YES=1, or no terminal to ask on, goes ahead.
# Elsewhere, or without the right to install, it prints the commands and ends with status 1.

. "$(dirname "$0")/common.sh"

purpose=${1:?"setup.sh needs to know what for: demo, run, dist or test"}
case $purpose in demo | run | dist | test) ;; *) fail "setup.sh does not know '$purpose'" ;; esac

if [ "$purpose" = test ] && [ "$(uname -s)" != Linux ]; then
    fail "make test needs Linux: WebDriver cannot drive the web view of other systems the same way"
fi

RUST=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
NODE=24.21.0
NPM=11.21.2
TAURI_DRIVER=2.1.0
TAURI_CLI=2.12.5
RUSTUP_COMMAND="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --no-modify-path --default-toolchain none"

window() { [ "$purpose" != demo ]; }

# ---- What is missing -------------------------------------------------------------------------------------------------

packages=() # Debian packages to install
steps=()    # other things to do, in order: rustup, toolchain, node, tauri-driver, tauri-cli

need_command() { have "$1" || packages+=("$2"); }
need_library() { pkg-config --exists "$1" 2>/dev/null || packages+=("$2"); }

# What the page's packages ask for: ^20.19, ^22.12 or >=24.
node_is_fit() {
    have node && have npm && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)'
}

rust_is_fit() {
    # RUSTUP_AUTO_INSTALL=0: looking must not install.
    local version
    version=$(RUSTUP_AUTO_INSTALL=0 cargo --version 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$RUST" "$(cut -d' ' -f2 <<<"$version")" | sort -V | head -n1)" = "$RUST" ] || return 1
    [ "$purpose" != test ] || { RUSTUP_AUTO_INSTALL=0 cargo clippy --version && RUSTUP_AUTO_INSTALL=0 cargo fmt --version; } >/dev/null 2>&1
}

look() {
    packages=() steps=()
    if [ "$(uname -s)" = Linux ]; then
        { have cc && have c++ && have make; } || packages+=(build-essential)
        if window; then
            need_command pkg-config pkg-config
            need_library webkit2gtk-4.1 libwebkit2gtk-4.1-dev
            need_library gtk+-3.0 libgtk-3-dev
        fi
        if [ "$purpose" = test ]; then
            need_command Xvfb xvfb
            need_command xvfb-run xvfb
            need_command xauth xauth
            need_command WebKitWebDriver webkit2gtk-driver
            need_command xdotool xdotool
            need_command dbus-run-session dbus
            need_command import imagemagick
        fi
    fi
    if ! rust_is_fit; then
        if ! have rustup; then
            steps+=(rustup)
            need_command curl curl
        fi
        steps+=(toolchain)
    fi
    if window && ! node_is_fit; then
        steps+=(node)
        need_command curl curl
    fi
    if [ "$purpose" = test ] && [ "$(installed_version tauri-driver)" != "$TAURI_DRIVER" ]; then
        steps+=(tauri-driver)
    fi
    if [ "$purpose" = dist ] && [ "$("$TOOLS/tauri-cli/node_modules/.bin/tauri" --version 2>/dev/null)" != "tauri-cli $TAURI_CLI" ]; then
        steps+=(tauri-cli)
    fi
    # The downloads need the certificates of the authorities.
    if [ "$(uname -s)" = Linux ] && [ ${#steps[@]} -gt 0 ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ] &&
        [ ! -e /etc/pki/tls/certs/ca-bundle.crt ] && [ -z "${SSL_CERT_FILE:-}" ]; then
        packages+=(ca-certificates)
    fi
    if [ ${#packages[@]} -gt 0 ]; then
        mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
    fi
}

installed_version() {
    # `cargo install --list` reads the list of our own tools folder only.
    [ -x "$TOOLS/bin/$1" ] || return 0
    sed -n "s/^\"$1 \([^ ]*\) .*/\1/p" "$TOOLS/.crates.toml" 2>/dev/null
}

describe() {
    case $1 in
        rustup) say "  - rustup, the Rust installer, into ${CARGO_HOME:-$HOME/.cargo} (https://sh.rustup.rs)" ;;
        toolchain) say "  - Rust $RUST with clippy and rustfmt, by rustup, into ${RUSTUP_HOME:-$HOME/.rustup}" ;;
        node) say "  - Node $NODE and npm $NPM from registry.npmjs.org, checked by SHA-512, into $TOOLS/node" ;;
        tauri-driver) say "  - tauri-driver $TAURI_DRIVER from crates.io, built (about a minute), into $TOOLS/bin" ;;
        tauri-cli) say "  - @tauri-apps/cli $TAURI_CLI from registry.npmjs.org, into $TOOLS" ;;
    esac
}

# ---- Words for machines that this script does not change --------------------------------------------------------------

is_debian_like() {
    [ -r /etc/os-release ] && have apt-get && (
        # shellcheck source=/dev/null
        . /etc/os-release
        case " ${ID:-} ${ID_LIKE:-} " in *" debian "* | *" ubuntu "*) true ;; *) false ;; esac
    )
}

print_rust_and_node() {
    say "  $RUSTUP_COMMAND    # not tested"
    say "  ~/.cargo/bin/rustup toolchain install $RUST --profile minimal --component clippy --component rustfmt    # not tested"
    [ -z "${1:-}" ] || say "  $1"
}

print_commands() {
    local system id=
    system=$(uname -s)
    [ ! -r /etc/os-release ] || id=$(
        # shellcheck source=/dev/null
        . /etc/os-release
        echo " ${ID:-} ${ID_LIKE:-} "
    )
    say "Please run these commands, then the same make command again:"
    case "$system $id" in
        Linux*" fedora "* | Linux*" rhel "*)
            say "  sudo dnf install gcc gcc-c++ make pkgconf-pkg-config webkit2gtk4.1-devel gtk3-devel nodejs npm curl    # not tested"
            [ "$purpose" != test ] || say "  sudo dnf install xorg-x11-server-Xvfb xorg-x11-xauth webkit2gtk-driver xdotool dbus-daemon ImageMagick    # not tested"
            print_rust_and_node
            ;;
        Linux*" arch "*)
            say "  sudo pacman -S --needed base-devel webkit2gtk-4.1 gtk3 nodejs npm curl    # not tested"
            [ "$purpose" != test ] || say "  sudo pacman -S --needed xorg-server-xvfb xorg-xauth xdotool dbus imagemagick    # not tested; webkit2gtk-4.1 has WebKitWebDriver"
            print_rust_and_node
            ;;
        Linux*)
            say "  install a C compiler, pkg-config, WebKitGTK 4.1 and GTK 3 with their headers, and curl    # not tested"
            [ "$purpose" != test ] || say "  install Xvfb, xauth, WebKitWebDriver, xdotool, dbus-run-session and ImageMagick    # not tested"
            print_rust_and_node
            ;;
        Darwin*)
            say "  xcode-select --install    # not tested"
            print_rust_and_node "brew install node    # not tested"
            ;;
        *)
            say "  winget install Microsoft.VisualStudio.2022.BuildTools    # not tested; choose 'Desktop development with C++'"
            say "  winget install OpenJS.NodeJS.LTS Rustlang.Rustup    # not tested"
            ;;
    esac
}

# ---- Doing it --------------------------------------------------------------------------------------------------------

go_ahead() {
    [ "${YES:-}" != 1 ] && [ -t 0 ] || return 0
    local answer
    read -r -p "Go ahead? [Y/n] " answer
    case $answer in '' | [Yy]*) return 0 ;; *) return 1 ;; esac
}

can_ask_for_a_password() { [ "${YES:-}" != 1 ] && [ -t 0 ]; }

# fetch_package NAME VERSION SHA512 FOLDER: one package of the npm registry, without npm.
fetch_package() {
    local archive="$TOOLS/$1-$2.tgz"
    curl --fail --silent --show-error --location --retry 3 -o "$archive" "https://registry.npmjs.org/$1/-/$1-$2.tgz"
    echo "$3  $archive" | sha512sum --check --quiet - || fail "$archive is not what was expected; delete it and try again"
    mkdir -p "$4"
    tar -xzf "$archive" --strip-components=1 --no-same-owner -C "$4"
    rm "$archive"
}

install_node() {
    local machine sum
    case "$(uname -m)" in
        x86_64) machine=x64 sum=de750bb336795f47dc898a46d2de93add029273027f3e16520d3fa3a2317ed5f07aefa404cf37ddfa5352e545e389ae22d16b87bcc84a900580a72f23cd02ced ;;
        aarch64) machine=arm64 sum=1692513c4cf63afbd32df8c83a5346158f492cf30a825e66f9de2819804b836e242759a6bcdd5997f1cf2601781c3689e752127afd65d5c459fc333e91e5d6e6 ;;
        *) fail "there is no Node $NODE for this processor in the registry; please install Node 20.19 or later" ;;
    esac
    rm -rf "$TOOLS/node"
    fetch_package "node-linux-$machine" "$NODE" "$sum" "$TOOLS/node"
    fetch_package npm "$NPM" ec73c0a64f807e53146af4ac78bd4f9ba0a762a3081e4e77c7e2a6ba1aa64c3a8f9233cc8312294cf713aac13dd4428dc3880504957d7e75e249d1a6d435eaf4 "$TOOLS/node/lib/node_modules/npm"
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$TOOLS/node/bin/npm"
    ln -s ../lib/node_modules/npm/bin/npx-cli.js "$TOOLS/node/bin/npx"
    chmod +x "$TOOLS/node/lib/node_modules/npm/bin/npm-cli.js" "$TOOLS/node/lib/node_modules/npm/bin/npx-cli.js"
    PATH="$TOOLS/node/bin:$PATH"
}

do_step() {
    heading "Installing: $1"
    mkdir -p "$TOOLS"
    case $1 in
        rustup) bash -o pipefail -c "$RUSTUP_COMMAND" ;;
        toolchain) rustup toolchain install "$RUST" --profile minimal --component clippy --component rustfmt ;;
        node) install_node ;;
        tauri-driver) cargo install --quiet --locked --root "$TOOLS" --version "$TAURI_DRIVER" tauri-driver ;;
        tauri-cli) npm install --silent --no-save --prefix "$TOOLS/tauri-cli" "@tauri-apps/cli@$TAURI_CLI" ;;
    esac
}

look
if [ ${#packages[@]} -eq 0 ] && [ ${#steps[@]} -eq 0 ]; then
    exit 0
fi

if [ "$(uname -s)" != Linux ] || { [ ${#packages[@]} -gt 0 ] && ! is_debian_like; }; then
    say "This machine lacks something that is needed here, and is not one that this script installs on."
    print_commands
    exit 1
fi

say "This machine lacks what follows. To be installed:"
[ ${#packages[@]} -eq 0 ] || say "  - Debian packages, by apt-get: ${packages[*]}"
for step in ${steps[@]+"${steps[@]}"}; do describe "$step"; done

as_root=()
if [ ${#packages[@]} -gt 0 ] && [ "$(id -u)" -ne 0 ]; then
    if have sudo && { sudo -n true 2>/dev/null || can_ask_for_a_password; }; then
        as_root=(sudo)
    else
        say "Installing packages needs root's rights, which this account does not have. Please run as root:"
        say "  apt-get update && apt-get install --no-install-recommends ${packages[*]}    # tested on Debian 12"
        say "then the same make command again."
        exit 1
    fi
fi
go_ahead || fail "nothing was installed"

if [ ${#packages[@]} -gt 0 ]; then
    heading "Installing: ${packages[*]}"
    mkdir -p target
    say "(what apt-get says goes to target/apt.log)"
    {
        ${as_root[@]+"${as_root[@]}"} apt-get update -q
        ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}"
    } >target/apt.log || fail "apt-get failed; see target/apt.log"
fi
for step in ${steps[@]+"${steps[@]}"}; do do_step "$step" || fail "$step could not be installed"; done

look
if [ ${#packages[@]} -gt 0 ] || [ ${#steps[@]} -gt 0 ]; then
    fail "still missing after the installation: ${packages[*]-} ${steps[*]-}"
fi

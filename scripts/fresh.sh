#!/usr/bin/env bash
# fresh.sh: proves that `make run` and `make test` need nothing but git and make. It makes a minimal Debian 12 with
# debootstrap, clones HEAD into it, and runs both commands there as an ordinary user who may use sudo.
#
# Lent to it from this machine: the Rust toolchain and the crates already downloaded (rustup's server is not reachable
# everywhere), and this machine's way to the network: apt sources, certificates, proxy and registry settings.
#
# Mounts and processes live in namespaces of their own, so nothing stays behind however this ends.
# FRESH_STAGES="refuse demo window test" chooses stages; FRESH_KEEP=1 keeps the folder; FRESH_MIRROR names a mirror.

. "$(dirname "$0")/common.sh"

SUITE=bookworm
work="$ROOT/target/fresh"
root="$work/debian"
stages=${FRESH_STAGES:-refuse demo window test}

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" -eq 0 ] || fail "make fresh needs root, for debootstrap and chroot: sudo make fresh"
    for tool in debootstrap unshare Xvfb xdotool import rustc git; do
        have "$tool" || fail "$tool is missing: apt-get install debootstrap util-linux xvfb xdotool imagemagick git; Rust by make run"
    done
    [ -z "$(git status --porcelain)" ] || say "note: uncommitted changes are not part of this: HEAD is what is tested."
    mkdir -p "$work"
    rm -rf --one-file-system "$root"
    status=0
    unshare --mount --pid --fork --kill-child --mount-proc "$0" inside || status=$?
    [ "${FRESH_KEEP:-}" = 1 ] || rm -rf --one-file-system "$root"
    exit $status
fi

user=newcomer
home="/home/$user"
started=$SECONDS
report=()

# ---- The machine -----------------------------------------------------------------------------------------------------

make_machine() {
    heading "A minimal Debian ($SUITE) with git, make, sudo and certificates"
    debootstrap --variant=minbase --include=ca-certificates,git,make,sudo "$SUITE" "$root" \
        "${FRESH_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 ||
        fail "debootstrap failed: see $work/debootstrap.log"
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    local tool
    for tool in cc node npm curl pkg-config cargo rustup Xvfb; do
        ! chroot "$root" sh -c "command -v $tool" >/dev/null || fail "$tool is already there: this machine proves nothing"
    done
}

# copy_if_there FOLDER_IN_ROOT FILES...
copy_if_there() {
    local to="$root$1" file
    shift
    mkdir -p "$to"
    for file in "$@"; do
        [ ! -f "$file" ] || cp "$file" "$to/"
    done
}

lend_network() {
    copy_if_there /etc /etc/resolv.conf /etc/hosts
    copy_if_there /usr/local/share/ca-certificates /usr/local/share/ca-certificates/*.crt
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    # Only what says how to reach a mirror: this machine's other apt settings are not the new one's business.
    local file
    for file in /etc/apt/apt.conf.d/* /etc/apt/apt.conf; do
        if [ -f "$file" ] && grep -q '^ *Acquire' "$file"; then copy_if_there /etc/apt/apt.conf.d "$file"; fi
    done
    if grep -q "^VERSION_CODENAME=$SUITE" /etc/os-release; then
        rm -f "$root/etc/apt/sources.list"
        copy_if_there /etc/apt /etc/apt/sources.list
        copy_if_there /etc/apt/sources.list.d /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
        copy_if_there /usr/share/keyrings /usr/share/keyrings/debian-archive-*.gpg
    fi
    copy_if_there "$home" "$HOME/.npmrc"
    copy_if_there "$home/.cargo" "$HOME/.cargo/config.toml"
}

lend_rust() {
    local toolchain name
    toolchain=$(rustc --print sysroot)
    name="$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)-$(rustc -vV | sed -n 's/^host: //p')"
    mkdir -p "$root$home/.cargo/bin" "$root$home/.cargo/registry" "$root$home/.rustup/toolchains/$name"
    cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/{cache,index} "$root$home/.cargo/registry/" 2>/dev/null ||
        say "note: no downloaded crates to lend; they will be fetched."
    chroot "$root" chown -R "$user:$user" "$home"
    mount --bind -o ro "${CARGO_HOME:-$HOME/.cargo}/bin" "$root$home/.cargo/bin"
    mount --bind -o ro "$toolchain" "$root$home/.rustup/toolchains/$name"
}

clone() {
    heading "Cloning $(git log -1 --format='%h %s')"
    git bundle create "$root/tmp/neuralchat.bundle" HEAD 2>/dev/null
    as_user "git -c advice.detachedHead=false clone --quiet /tmp/neuralchat.bundle ~/neuralchat"
}

# as_user COMMAND [NAME=VALUE...]: in the new machine, with nothing of this one's environment but its way to the network.
as_user() {
    local command=$1 name carried=()
    shift
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE; do
        [ -z "${!name:-}" ] || carried+=("$name=${!name}")
    done
    chroot --userspec="$user:$user" "$root" /usr/bin/env -i HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash \
        LANG=C.UTF-8 TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin "${carried[@]}" "$@" \
        bash -c "cd ~ && $command" </dev/null
}

# ---- The stages ------------------------------------------------------------------------------------------------------

stage() {
    local began=$SECONDS
    case " $stages " in *" $1 "*) ;; *) return 0 ;; esac
    heading "Stage $1: $2"
    "stage_$1" || fail "stage $1 failed after $((SECONDS - began)) s"
    report+=("$(printf '%-8s ok %6d s   %s' "$1" $((SECONDS - began)) "$2")")
}

stage_refuse() {
    local said
    if said=$(as_user "cd neuralchat && YES=1 make run" 2>&1); then
        say "$said"
        return 1
    fi
    say "$said"
    grep -q 'apt-get install .*build-essential' <<<"$said"
}

stage_demo() { as_user "cd neuralchat && YES=1 make run"; }

stage_window() {
    local number app window='' colours
    mkdir -p /tmp/.X11-unix "$root/tmp/.X11-unix"
    Xvfb -displayfd 1 -screen 0 1440x960x24 -nolisten tcp -ac >"$work/display" 2>"$work/xvfb.log" &
    for _ in $(seq 50); do [ ! -s "$work/display" ] || break; sleep 0.2; done
    number=$(cat "$work/display")
    [ -n "$number" ] || fail "Xvfb did not start: see $work/xvfb.log"
    export DISPLAY=":$number"
    mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"

    set -m # a process group of its own, to end make and all below it
    as_user "cd neuralchat && YES=1 make run" DISPLAY="$DISPLAY" &
    app=$!
    set +m
    while [ -z "$window" ]; do
        kill -0 $app 2>/dev/null || { say "make run ended before a window was there"; return 1; }
        sleep 2
        window=$(xdotool search --onlyvisible --name '^NeuralChat Desktop' 2>/dev/null | head -n1 || true)
    done
    say "The window is there: $(xdotool getwindowname "$window"), $(xdotool getwindowgeometry "$window" | tr '\n' ' ')"
    # A blank window is one or two colours; a page with text has many. It also has to stay.
    for _ in $(seq 30); do
        sleep 2
        import -window root "$work/window.png"
        colours=$(identify -format '%k' "$work/window.png")
        [ "$colours" -lt 32 ] || break
    done
    sleep 5
    kill -0 $app 2>/dev/null || { say "the program did not stay up"; return 1; }
    say "The page shows $colours colours: $work/window.png"
    kill -- "-$app"
    wait $app || true
    unset DISPLAY
    [ "$colours" -ge 32 ]
}

stage_test() { as_user "cd neuralchat && YES=1 make test"; }

# ---- All of it -------------------------------------------------------------------------------------------------------

make_machine
lend_network
lend_rust
clone
stage refuse "without the right to install, make run names the commands and ends with status 1"
echo "$user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$user"
stage demo "make run without a display: the demo"
stage window "make run with a display: the window"
stage test "make test"

heading "make fresh: passed in $(((SECONDS - started) / 60)) min"
printf '%s\n' "${report[@]}"

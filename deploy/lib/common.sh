# SPDX-License-Identifier: Apache-2.0
# What all deploy/ scripts share: where things are, how to speak to the user, how to wait for a
# condition. Sourced, never run. Sets ROOT (this source tree), BUILD (build folder), CACHE
# (downloads and images, shared by all trees of this user).
set -euo pipefail
shopt -s inherit_errexit
PATH=$PATH:/usr/sbin:/sbin

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${NETHER_BUILD:-$ROOT/build}
CACHE=${NETHER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/nether}

if [ -t 2 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf '%swarning:%s %s\n' "$RED" "$PLAIN" "$*" >&2; }
die() {
    printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
    exit 1
}

# wait_until SECONDS COMMAND...: repeats COMMAND until it succeeds; 1 when SECONDS have passed.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# content_key FILE_OR_TEXT...: one hash over the contents of the files and over texts that name
# no file. Two runs with the same inputs get the same key; used for stamps.
content_key() {
    local item
    for item in "$@"; do
        if [ -f "$item" ]; then
            sha256sum <"$item"
        else
            printf '%s\n' "$item"
        fi
    done | sha256sum | cut -c1-16
}

# needs GROUP...: installs the Debian packages of these groups (deploy/lib/packages/GROUP) that
# are not installed yet.
needs() {
    local group package missing=()
    for group in "$@"; do
        while read -r package; do
            case $package in '' | '#'*) continue ;; esac
            dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
                missing+=("$package")
        done <"$ROOT/deploy/lib/packages/$group"
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "these packages are missing and installing them takes root: ${missing[*]}"
        sudo=(sudo)
    fi
    command -v apt-get >/dev/null ||
        die "this needs Debian 12 (no apt-get here); packages wanted: ${missing[*]}"
    say "Installing ${#missing[@]} packages: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq >&2 || warn "apt-get update failed; trying with what is known"
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >&2 ||
        die "apt-get could not install: ${missing[*]}"
}

#!/usr/bin/env bash
# Find a LibreOffice for the tests of exported sheets, or get one; its path goes to .tools/soffice.
# $SOFFICE, else the system's, else Debian's package where we may install.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'office: %s\n' "$*" >&2; }

works() { "$1" --version 2>/dev/null | grep -qi 'libreoffice'; }

remember() {
    mkdir -p .tools
    printf '%s\n' "$1" >.tools/soffice
    exit 0
}

remember_the_systems() {
    local name path
    for name in soffice libreoffice; do
        path=$(command -v "$name") && works "$path" && remember "$path"
    done
    return 0
}

install_debians() {
    command -v apt-get >/dev/null || return 1
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    "${root[@]}" apt-get update -qq &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui
}

if [ -n "${SOFFICE:-}" ]; then
    works "$SOFFICE" && remember "$(command -v "$SOFFICE")"
    say "SOFFICE=$SOFFICE does not run"
    exit 1
fi
if [ -s .tools/soffice ] && works "$(cat .tools/soffice)"; then exit 0; fi
remember_the_systems
say "none here; trying Debian's package"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if install_debians >"$log" 2>&1; then remember_the_systems; fi
tail -n 30 "$log" >&2
say "no LibreOffice to be had. Install one (Debian, as root: apt-get install libreoffice-calc-nogui) or say SOFFICE=/path/to/it; its tests are not skipped."
exit 1

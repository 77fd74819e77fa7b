#!/usr/bin/env bash
# Find a Chromium for the browser tests, or get one; its path goes to .tools/chromium.
# $CHROMIUM, else the system's, else Debian's package where we may install, else Playwright's download.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'browser: %s\n' "$*" >&2; }

works() { "$1" --version 2>/dev/null | grep -qiE 'chrom'; }

remember() {
    mkdir -p .tools
    printf '%s\n' "$1" >.tools/chromium
    exit 0
}

remember_the_systems() {
    local name path
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
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
            apt-get install -y -qq --no-install-recommends "$@"
}

# Playwright drives the browser by a node of its own, which wants a library that a bare Debian lacks.
driver=$(.venv/bin/python -c 'from playwright._impl._driver import compute_driver_executable as f; print(f()[0])')
driver_runs() { "$driver" --version >/dev/null 2>&1; }

download_playwrights() {
    .venv/bin/playwright install chromium >&2
    .venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)'
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! driver_runs; then
    say "Playwright's driver lacks a library; trying Debian's libatomic1"
    install_debians libatomic1 >"$log" 2>&1 || true
    if ! driver_runs; then
        tail -n 30 "$log" >&2
        "$driver" --version >&2 || true
        say "Playwright's driver does not run. Install what it names (Debian, as root: apt-get install libatomic1)."
        exit 1
    fi
fi
if [ -n "${CHROMIUM:-}" ]; then
    works "$CHROMIUM" && remember "$(command -v "$CHROMIUM")"
    say "CHROMIUM=$CHROMIUM does not run"
    exit 1
fi
if [ -s .tools/chromium ] && works "$(cat .tools/chromium)"; then exit 0; fi
remember_the_systems
say "none here; trying Debian's package"
if install_debians chromium fonts-dejavu-core >"$log" 2>&1; then remember_the_systems; fi
say "trying Playwright's download"
if path=$(download_playwrights 2>>"$log") && works "$path"; then remember "$path"; fi
tail -n 30 "$log" >&2
say "no Chromium to be had. Install one (Debian, as root: apt-get install chromium) or say CHROMIUM=/path/to/it; the browser tests are not skipped."
exit 1

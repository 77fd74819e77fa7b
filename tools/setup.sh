#!/usr/bin/env bash
# Make .venv ready: uv by pip into .tools/uv where it is missing, then exactly what uv.lock says.
# Touches nothing outside this folder, but for the tools' own caches and Debian's python3-venv where Python came without pip.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
uv=.tools/uv/bin/uv
export UV_PYTHON_DOWNLOADS=never

say() { printf 'set-up: %s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "Python 3.11 or newer is needed (Debian: apt-get install python3), or say PYTHON=/path/to/python3"
    return 1
}

install_uv_by_venv() {
    rm -rf .tools/uv
    "$python" -m venv .tools/uv && .tools/uv/bin/python -m pip install --quiet "uv==$UV_VERSION"
}

install_uv_by_pip() {
    rm -rf .tools/uv
    "$python" -m pip install --quiet --target .tools/uv "uv==$UV_VERSION"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_pip() {
    command -v apt-get >/dev/null || return 1
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
}

if ! "$uv" --version 2>/dev/null | grep -qF "uv $UV_VERSION"; then
    python=$(find_python)
    mkdir -p .tools
    say "uv $UV_VERSION into .tools/uv"
    log=.tools/setup.log
    if ! { install_uv_by_venv || install_uv_by_pip; } >"$log" 2>&1; then
        say "this Python has no pip: trying Debian's python3-venv"
        if ! { install_pip && install_uv_by_venv; } >>"$log" 2>&1; then
            cat "$log" >&2
            say "could not install uv. Give Python its pip (Debian, as root: apt-get install python3-venv) and try again."
            exit 1
        fi
    fi
fi

[ -e .venv/bin/python ] || "$uv" venv --quiet --clear --python "${python:-$(find_python)}" .venv
"$uv" sync --frozen --quiet
.venv/bin/python -m tools.texts compile
touch .venv/.ready
say "the environment is ready"

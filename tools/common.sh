# Sourced by the other tools: where the project and its PostgreSQL are.
# shellcheck shell=sh

cd "$(dirname "$0")/.." || exit 1

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root for: $*. Run it as root, or install sudo."
    fi
}

# The newest PostgreSQL server on this machine, as pg_virtualenv would choose; empty if there is none.
server_version() {
    for directory in /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$directory" ] && printf '%s\n' "$directory" | cut -d/ -f5
    done | sort -n | tail -n 1
}

# Builds the extension and installs it into that server. Arguments go to make.
build_and_install() {
    version=$(server_version)
    PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
    export PG_CONFIG
    if ! output=$({ make -s clean && make -s "$@" &&
        as_root make -s PG_CONFIG="$PG_CONFIG" install; } 2>&1); then
        say "$output"
        return 1
    fi
}

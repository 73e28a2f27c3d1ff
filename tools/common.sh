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

# Builds the extension, without libgoes, and installs it into that server. Arguments go to make.
build_and_install() {
    version=$(server_version)
    PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
    export PG_CONFIG
    if ! output=$({ make -s with_client=no "$@" &&
        as_root make -s with_client=no PG_CONFIG="$PG_CONFIG" install; } 2>&1); then
        say "$output"
        return 1
    fi
}

# build_programs DIRECTORY SOURCES: installs libgoes into that directory, and builds programs of one
# file each there as a user of it does. Further arguments go to make; STRICT=-Werror in the environment
# counts.
build_programs() {
    prefix=$1
    sources=$2
    shift 2
    output=$({ make -s -C client "$@" prefix="$prefix" install &&
        flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs libgoes libpq uuid) &&
        for source in $sources; do
            # shellcheck disable=SC2086
            cc -Wall -Wextra ${STRICT:-} -o "$prefix/$(basename "$source" .c)" "$source" $flags \
                -Wl,-rpath,"$prefix/lib" || exit 1
        done; } 2>&1) && return 0
    say "$output"
    return 1
}

# build_examples DIRECTORY: the same with the programs of examples/.
build_examples() {
    directory=$1
    shift
    build_programs "$directory" "examples/shop.c examples/dpkg_events.c" "$@"
}

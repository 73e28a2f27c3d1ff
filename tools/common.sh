# Sourced by the other tools: where the project and its PostgreSQL are.
# shellcheck shell=sh

cd "$(dirname "$0")/.." || exit 1

# A service or a container may have started us without it, and tools keep what they fetch there.
[ -n "${HOME:-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
export HOME

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# names DIRECTORY ENDING: the files of a folder with that ending, without both.
names() {
    for file in "$1"/*"$2"; do
        file=${file##*/}
        say "${file%"$2"}"
    done
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

# Chooses that server for make.
choose_server() {
    version=$(server_version)
    PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
    export PG_CONFIG
}

# alone COMMAND …: tools that run side by side build and install one after the other.
alone() {
    {
        flock 8
        "$@"
    } 8<Makefile
}

# is_installed_as_built: whether that server has what is built here. A server that runs must not meet a
# library that is being written.
is_installed_as_built() {
    cmp -s goes_store.so "$("$PG_CONFIG" --pkglibdir)/goes_store.so" || return 1
    for file in goes_store.control extension/goes_store--*.sql; do
        cmp -s "$file" "$("$PG_CONFIG" --sharedir)/extension/$(basename "$file")" || return 1
    done
}

# build_alone ARGUMENTS: builds and installs the extension.
build_alone() {
    output=$({ make -s -j"$(nproc)" with_client=no "$@" && { is_installed_as_built ||
        as_root make -s with_client=no PG_CONFIG="$PG_CONFIG" install; }; } 2>&1) && return 0
    say "$output"
    return 1
}

# Builds the extension, without libgoes, and installs it into that server. Arguments go to make.
build_and_install() {
    choose_server
    alone build_alone "$@"
}

# build_programs DIRECTORY SOURCES: installs libgoes into that directory, and builds programs of one
# file each there as a user of it does. Further arguments go to make; STRICT=-Werror in the environment
# counts.
build_programs() {
    alone build_programs_alone "$@"
}

build_programs_alone() {
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
    build_programs "$directory" "examples/shop.c examples/workers.c examples/loop.c examples/dpkg_events.c" "$@"
}

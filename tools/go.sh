# Sourced by the tools that need Go, after common.sh.
# shellcheck shell=sh

# Settings for a server of the user's own must not reach ours, nor a locale that is not
# installed, nor a directory that is closed to the user postgres.
unset PGPORT PGOPTIONS PGSSLMODE TMPDIR
LC_ALL=C.UTF-8
export LC_ALL

# cannot TEXT: ends, as what this needs is not to be had here. The status is 77, as for automake's
# skipped tests.
cannot() {
    (fail "$1") || exit 77
}

# has_go: fails unless Go 1.25 or later is there.
has_go() {
    command -v go >/dev/null || cannot "Go is missing. Install Go 1.25 or later, put it into PATH, and \
run this again."
    found=$(go env GOVERSION)
    minor=$(printf '%s\n' "$found" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 25 ] || cannot "Go 1.25 or later is needed, and this is $found. Install a newer one, \
put it first in PATH, and run this again."
}

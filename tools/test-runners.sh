# Sourced by tools/test-groups.sh: how tests are run, and what is noted of them.
#
# Everything here works for a group, and in its folder: $group and $here.
# shellcheck shell=sh

# pass_or_fail NAME COMMAND …: one test that is a command.
pass_or_fail() {
    name=$1
    shift
    if "$@" >"$here/output" 2>&1; then
        say "ok        $name" | tee -a "$here/passed"
    else
        say "not ok    $name" | tee -a "$here/failed"
        cat "$here/output"
        return 1
    fi
}

# in_turn COMMAND …: groups that build or install libgoes from client/build do so one after the other:
# each writes its own prefix into libgoes.pc there.
in_turn() {
    {
        flock 7
        "$@"
    } 7>"$work/building"
}

# count_results LOG STATUS: notes the tests that a runner reported. PostgreSQL 15 writes
# "test name ... ok", later ones and prove write TAP. A runner that failed without saying which
# test did counts as one failure.
count_results() {
    grep -E '^(ok |test .*\.\.\. ok)' "$1" | grep -vi '# skip' >>"$here/passed" || true
    grep -iE '# skip|\.\. skipped:' "$1" >>"$here/skipped" || true
    if ! grep -E '^(not ok |test .*\.\.\. FAILED)' "$1" >>"$here/failed" && [ "$2" != 0 ]; then
        say "$group: its runner ended with status $2" >>"$here/failed"
    fi
}

# report COMMAND …: a command that writes TAP.
report() {
    status=0
    "$@" >"$here/output" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        grep -E '^(ok|# [a-z]|t/|1\.\.0)' "$here/output" || true
    else
        cat "$here/output"
    fi
    count_results "$here/output" "$status"
}

# with_server COMMAND …: runs a command with a throwaway server. Its status goes by a file:
# pg_virtualenv shows the server's whole log when its command fails. Servers start one after the other, since
# two that start at once may choose the same port. One whose port somebody else took is tried again.
with_server() {
    for attempt in 1 2 3; do
        try_with_server "$@"
        [ ! -e "$here/status" ] || break
    done
    return "$(cat "$here/status" 2>/dev/null || echo 1)"
}

try_with_server() {
    rm -f "$here/status"
    # shellcheck disable=SC2016
    {
        flock 8
        LC_ALL=C.UTF-8 pg_virtualenv -t -v "$version" sh -c '
            flock -u 8
            # interrupted, pg_virtualenv goes on without a server of its own
            [ -n "$PGPORT" ] || exit 1
            status=$1
            shift
            "$@"
            echo $? >"$status"' sh "$here/status" "$@" || true
    } 8>"$work/starting"
}

# regression RUNNER DIRECTORY TESTS: pg_regress or its isolation twin against a throwaway server.
regression() {
    mkdir -p "$2"
    status=0
    # shellcheck disable=SC2086
    with_server "$1" --inputdir=. --outputdir="$2" --bindir="$bin" --load-extension=goes_store $3 \
        >"$2/output" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        grep -E '^(ok|test)' "$2/output" || true
    else
        cat "$2/output" "$2/regression.diffs" 2>/dev/null || true
    fi
    count_results "$2/output" "$status"
}

# tap NAMES: tests that start servers of their own, as user postgres when we are root. Variables that
# they read stand in the environment.
tap() {
    rm -rf "$here/t" "$here/tmp_check"
    cp -r t README.md docs "$here"
    as_user=
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$here"
        as_user="runuser -u postgres --"
    fi
    pgxs=$(dirname "$("$bin/pg_config" --pgxs)")/../..
    for name in $1; do
        # shellcheck disable=SC2086
        report $as_user env LC_ALL=C.UTF-8 TESTDIR="$here" TESTDATADIR="$here/tmp_check" \
            TESTLOGDIR="$here/tmp_check/log" CLIENT_TESTS="$here/programs" EXAMPLES="$here/examples" \
            PKG_CONFIG_PATH="$here/libgoes/lib/pkgconfig" CLI="$here/goes" BENCH="$here/goes_bench" DOCS_GOT="${DOCS_GOT:-}" FEEDS="${FEEDS:-}" \
            PATH="$work/bin:$bin:$PATH" INITDB_TEMPLATES="$work/initdb" PGPORT=65432 PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
            sh -c 'cd "$1" && exec prove --verbose -I "$2" "$3"' sh "$here" "$pgxs/src/test/perl" "t/$name.pl"
        [ "$status" = 0 ] || tail -n 50 "$here"/tmp_check/log/* 2>/dev/null | cut -c1-400 || true
    done
}

# make_client_programs PROGRAMS MAKE-ARGUMENTS …: builds programs of client/test/, $programs, in $build/test.
make_client_programs() {
    programs=$1
    shift
    build=$(make -s -C client "$@" print-BUILD)
    # shellcheck disable=SC2046
    make -s -C client -j"$(nproc)" STRICT=-Werror "$@" $(printf "$build/test/%s " $programs)
}

# client_programs PROGRAMS MAKE-ARGUMENTS …: builds programs, and puts them where the server's user can
# run them.
client_programs() {
    make_client_programs "$@" || return 1
    mkdir -p "$here/programs"
    for program in $programs; do
        cp "client/$build/test/$program" "$here/programs"
    done
}

# client_tests PROGRAMS MAKE-ARGUMENTS …: builds and runs programs of client/test/, those that need a
# server with one.
client_tests() {
    pass_or_fail "$group: build" ${turn:-} client_programs "$@" || return 0
    with_a_server=
    for program in $1; do
        case $program in
            server_*) with_a_server="$with_a_server $program" ;;
            *) say "# $program" && report unit_program "$program" ;;
        esac
    done
    [ -z "$with_a_server" ] || CLIENT_PROGRAMS=$with_a_server tap 010_client
}

# unit_program PROGRAM: runs one that needs no server. Its name is put into its lines, as t/010_client.pl
# does for the others, so that a line of a failure says what to run again.
unit_program() {
    ended=0
    "$here/programs/$1" >"$here/unit" 2>&1 || ended=$?
    sed -E "s/^((not )?ok +[0-9]+ +- )/\\1$1: /" "$here/unit"
    [ "$ended" = 0 ] || grep -q '^not ok' "$here/unit" || say "not ok 0 - $1: ended with status $ended"
    return "$ended"
}

unit_programs() {
    names client/test .c | grep '^test_'
}

server_programs() {
    names client/test .c | grep '^server_'
}

# sanitizer_flags WHICH: what client/Makefile builds with for ASAN or TSAN.
sanitizer_flags() {
    make -s -C client "print-$1_FLAGS"
}

# sanitized PROGRAMS WHICH: client_tests with those sanitizers.
sanitized() {
    client_tests "$1" BUILD="build/$group" SANITIZE="$(sanitizer_flags "$2")"
}

# ---- One program, with somebody looking on

# run_under WHAT PROGRAM: runs a program of client/test/ under gdb or valgrind, on a throwaway server.
run_under() {
    here=$work/$1
    client_programs "$2"
    case $1 in
        gdb) set -- gdb -q "$here/programs/$2" ;;
        valgrind) set -- valgrind -q --leak-check=full --error-exitcode=1 "$here/programs/$2" ;;
    esac
    # shellcheck disable=SC2016
    with_server sh -c '
        GOES_TEST_URL="host=$PGHOST port=$PGPORT user=$PGUSER password=$PGPASSWORD sslmode=disable"
        export GOES_TEST_URL
        unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE
        exec "$@"' sh "$@"
}

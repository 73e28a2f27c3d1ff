# Sourced by tools/test: the groups of tests, and how each is run.
#
# tools/test sets $work, a folder for all of them, and $wanted, the names of the tests that were asked for
# (empty: all). A group writes into a folder of its own below $work: "log", and for each test a line
# in "passed" or "failed".
# shellcheck shell=sh

version=$(server_version)
bin=/usr/lib/postgresql/$version/bin
sql_lanes=2

# The groups, those that take longest first. A test of t/ that needs no other is a group of its own.
all_groups() {
    [ "${SERVER_TESTS_ONLY:-no}" = yes ] || printf '%s\n' asan tsan
    printf '%s\n' client sql isolation
    names t .pl | grep -vx 010_client
    [ "${SERVER_TESTS_ONLY:-no}" = yes ] || printf '%s\n' fuzz symbols rooms docs format
    printf '%s\n' versions
}

# is_wanted NAME: was this test asked for, or everything?
is_wanted() {
    case " $wanted " in
        "  " | *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

# asked_for NAME …: those of the names that were asked for; all of them where none of them was.
asked_for() {
    found=
    for name in "$@"; do
        case " $wanted " in
            *" $name "*) found="$found $name" ;;
        esac
    done
    echo "${found:-$*}"
}

# names DIRECTORY ENDING: the names of the tests in a folder.
names() {
    for file in "$1"/*"$2"; do
        basename "$file" "$2"
    done
}

# prepare GROUP …: installs and builds what these groups have in common.
prepare() {
    needs_server=
    for group in "$@"; do
        case $group in
            format | docs) tools/packages sources ;;
            symbols | fuzz | asan | tsan) tools/packages test sources ;;
            *) tools/packages test ;;
        esac
        case $group in
            format | docs | symbols | fuzz | versions) ;;
            *) needs_server=yes ;;
        esac
    done
    version=$(server_version)
    if [ -n "$needs_server" ]; then
        say "# PostgreSQL $version"
        build_and_install STRICT=-Werror || fail "the extension cannot be built"
    fi
}

# run_group GROUP: runs a group and shows its log when it is over, in one piece.
run_group() {
    group=$1
    here=$work/$group
    mkdir -p "$here"
    started=$(date +%s)
    case $group in
        008_docs | 011_examples | [!0-9]*) "group_$group" ;;
        *) tap "$group" ;;
    esac >"$here/log" 2>&1 || echo "$group: ended with status $?" >>"$here/failed"
    {
        flock 9
        say "# ---- $group, $(($(date +%s) - started)) s"
        cat "$here/log"
    } 9>"$work/lock"
}

# ---- What the groups are made of

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
    grep -E '^(ok |test .*\.\.\. ok)' "$1" >>"$here/passed" || true
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
            PKG_CONFIG_PATH="$here/libgoes/lib/pkgconfig" DOCS_GOT="${DOCS_GOT:-}" \
            PATH="$bin:$PATH" PGPORT=65432 PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
            sh -c 'cd "$1" && exec prove --verbose -I "$2" "$3"' sh "$here" "$pgxs/src/test/perl" "t/$name.pl"
        [ "$status" = 0 ] || tail -n 50 "$here"/tmp_check/log/* 2>/dev/null | cut -c1-400 || true
    done
}

# client_programs PROGRAMS MAKE-ARGUMENTS …: builds programs of client/test/, and puts them where
# the server's user can run them.
client_programs() {
    programs=$1
    shift
    build=$(make -s -C client "$@" print-build)
    # shellcheck disable=SC2046
    make -s -C client -j"$(nproc)" STRICT=-Werror "$@" $(printf "$build/test/%s " $programs) || return 1
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
            *) say "# $program" && report "$here/programs/$program" ;;
        esac
    done
    [ -z "$with_a_server" ] || CLIENT_PROGRAMS=$with_a_server tap 010_client
}

unit_programs() {
    names client/test .c | grep '^test_'
}

server_programs() {
    names client/test .c | grep '^server_'
}

# sanitized PROGRAMS SANITIZERS: client_tests with sanitizers.
sanitized() {
    client_tests "$1" BUILD="build/$group" \
        SANITIZE="-fsanitize=$2 -fno-sanitize-recover=all -fno-omit-frame-pointer"
}

# ---- The groups

# The tests of sql/ share a database, one after the other; the lanes run side by side.
group_sql() {
    runner=$(dirname "$("$bin/pg_config" --pgxs)")/../../src/test/regress/pg_regress
    # shellcheck disable=SC2046
    tests=$(asked_for $(make -s print-REGRESS))
    lane=0
    while [ "$lane" -lt "$sql_lanes" ]; do
        mine=$(echo "$tests" | tr -s ' ' '\n' | grep . | awk "NR % $sql_lanes == $lane")
        [ -z "$mine" ] || (here=$here/$lane && regression "$runner" "$here" "$(echo $mine)") &
        lane=$((lane + 1))
    done
    wait
    cat "$here"/*/passed >>"$here/passed" 2>/dev/null || true
    cat "$here"/*/failed >>"$here/failed" 2>/dev/null || true
}

group_isolation() {
    runner=$(dirname "$("$bin/pg_config" --pgxs)")/../../src/test/isolation/pg_isolation_regress
    # shellcheck disable=SC2046
    regression "$runner" "$here" "$(asked_for $(make -s print-ISOLATION))"
}

# Programs that measure say something only as they are. All the others run under ASan, and as they are
# where they are asked for, or where only the server matters.
measuring_programs="server_stream"

group_client() {
    turn=in_turn
    # shellcheck disable=SC2046
    if [ -z "$wanted" ] && [ "${SERVER_TESTS_ONLY:-no}" = no ]; then
        client_tests "$measuring_programs"
    else
        client_tests "$(asked_for $(server_programs) $(unit_programs))"
    fi
}

group_asan() {
    # shellcheck disable=SC2046
    sanitized "$(asked_for $(server_programs) $(unit_programs))" address,undefined
}

# The programs that have threads.
group_tsan() {
    # shellcheck disable=SC2046
    sanitized "$(asked_for server_pool server_pool_sharing server_cursor_end server_hooks server_tx \
        server_append_race server_table server_load server_model_lock $(unit_programs))" thread
}

group_fuzz() {
    pass_or_fail fuzz make -s -C client fuzz || true
}

group_symbols() {
    report in_turn make -s -C client symbols
}

group_rooms() {
    in_turn make -s -C client all && report tools/rooms
}

group_docs() {
    pass_or_fail docs make -s docs || true
}

# The sources are laid out by one version of clang-format: they do not agree on every line.
layout_version=14
group_format() {
    case $(clang-format --version) in
        *" $layout_version."*) pass_or_fail format make -s format-check || true ;;
        *) say "skipped   format: this is not clang-format $layout_version" ;;
    esac
}

# What README.md and docs/ show, in C with an installed libgoes.
group_008_docs() {
    pass_or_fail "docs: libgoes" in_turn make -s -C client prefix="$here/libgoes" install || return 0
    tap 008_docs
}

# The programs of examples/, built against an installed libgoes.
group_011_examples() {
    pass_or_fail "examples: build" in_turn example_programs || return 0
    tap 011_examples
}

example_programs() (
    export STRICT=-Werror
    build_examples "$here/examples" && cp examples/dpkg.log "$here/examples"
)

# The version stands in four places; they agree.
group_versions() {
    pass_or_fail versions versions_agree || true
}

versions_agree() {
    control=$(sed -n "s/^default_version = '\(.*\)'/\1/p" goes_store.control)
    grep -q "\"version\": \"$control.0\"" META.json
    grep -q "\"file\": \"extension/goes_store--$control.sql\"" META.json
    test -f "extension/goes_store--$control.sql"
    sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1 | grep -qx "$control"
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
        GOES_TEST_URL="host=$PGHOST port=$PGPORT user=$PGUSER password=$PGPASSWORD"
        export GOES_TEST_URL
        unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE
        exec "$@"' sh "$@"
}

# Sourced by tools/test: the groups of tests, and how each is run.
#
# tools/test sets $work, a folder for all of them, and $wanted, the names of the tests that were asked for
# (empty: all). A group writes into a folder of its own below $work: "log", and for each test a line
# in "passed" or "failed".
# shellcheck shell=sh

version=$(server_version)
bin=/usr/lib/postgresql/$version/bin
sql_lanes=2
. tools/test-runners.sh

# Those that take longest, in this order.
longest="asan feeds_client client 040_cli_commands 041_cli_export 042_cli_terminal 050_bench 047_shards sql
    feeds 032_subscription_crash isolation 061_pg_upgrade 027_feed_wait 005_append 046_wait_for symbols"

# The groups, those that take longest first. A test of t/ that needs no other is a group of its own.
# SERVER_TESTS_ONLY leaves out what does not depend on the server; "feeds" also runs libgoes' tests with a
# feed on every store, in place of without, and those of sql/ with and without.
all_groups() {
    unsorted_groups | awk -v longest="$longest" '
        BEGIN { count = split(longest, names); for (i in names) place[names[i]] = i }
        { print ($0 in place ? place[$0] : count + 1), NR, $0 }' | sort -n -k1,1 -k2,2 | cut -d" " -f3
}

unsorted_groups() {
    case ${SERVER_TESTS_ONLY:-no} in
        no) printf '%s\n' asan client sql isolation ;;
        feeds) printf '%s\n' feeds_client feeds sql isolation ;;
        *) printf '%s\n' client sql isolation ;;
    esac
    # what the tool does with a terminal is the same with every server, and takes one
    names t .pl | if [ "${SERVER_TESTS_ONLY:-no}" = no ]; then grep -vx 010_client; else
        grep -vxE '010_client|042_cli_terminal|050_bench'; fi
    [ "${SERVER_TESTS_ONLY:-no}" != no ] || printf '%s\n' symbols rooms docs format breaks
    printf '%s\n' versions
}

# Groups that run only where they are asked for by name, as .ci/run does with those of threads and of random
# input, or by SERVER_TESTS_ONLY=feeds.
rare_groups() {
    printf '%s\n' tsan fuzz feeds_client feeds
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

# prepare GROUP …: installs and builds what these groups have in common.
prepare() {
    needs_server=
    purposes=
    for group in "$@"; do
        case $group in
            format | docs) purposes="$purposes sources" ;;
            symbols | fuzz | asan | tsan) purposes="$purposes test sources" ;;
            047_shards) purposes="$purposes test shards" ;;
            *) purposes="$purposes test" ;;
        esac
        case $group in
            format | docs | symbols | fuzz | breaks | versions) ;;
            *) needs_server=yes ;;
        esac
    done
    # shellcheck disable=SC2046,SC2086
    tools/packages $(printf '%s\n' $purposes | sort -u)
    version=$(server_version)
    if [ -n "$needs_server" ]; then
        say "# PostgreSQL $version"
        build_and_install STRICT=-Werror || fail "the extension cannot be built"
        mkdir "$work/bin" "$work/initdb"
        cp tools/initdb "$work/bin"
        [ "$(id -u)" != 0 ] || chown postgres "$work/initdb"
    fi
    # The programs of the longest group mostly wait: they begin early if nothing else is built meanwhile.
    if [ -z "$wanted" ] && echo "$*" | grep -qw asan; then
        make_client_programs "$(server_programs) $(unit_programs)" BUILD=build/asan \
            SANITIZE="$(sanitizer_flags ASAN)" || fail "the tests of libgoes cannot be built"
    fi
}

# run_group GROUP: runs a group and shows its log when it is over, in one piece.
run_group() {
    group=$1
    here=$work/$group
    mkdir -p "$here"
    started=$(date +%s)
    case $group in
        *_cli_*) group_cli ;;
        008_docs | 011_examples | 045_citus | 047_shards | 050_bench | [!0-9]*) "group_$group" ;;
        *) tap "$group" ;;
    esac >"$here/log" 2>&1 || echo "$group: ended with status $?" >>"$here/failed"
    {
        flock 9
        say "# ---- $group, $(($(date +%s) - started)) s"
        cat "$here/log"
    } 9>"$work/lock"
}

# run_again GROUP: runs those tests of a group that failed beside others once more, by themselves.
run_again() (
    first=$work/$1.first
    mv "$work/$1" "$first"
    mv "$first/failed" "$first/failures"
    sed 's/^/# failed beside others: /' "$first/failures"
    names=$(names_of_failures <"$first/failures")
    wanted=${names:-$wanted}
    run_group "$1"
)

# names_of_failures: the programs, and the tests of sql/ and specs/, that lines of failures speak of. None where a
# line speaks of something else: then the whole group failed.
names_of_failures() {
    sed -E -e 's/^not ok +[0-9]+ +- ([a-z0-9_]+)(:| +[0-9]+ ms).*/\1/;t' \
        -e 's/^(test|not ok) +([a-z0-9_]+) +\.\.\..*/\2/;t' -e 's/.*/everything/' | sort -u >"$work/names"
    grep -qx everything "$work/names" || tr '\n' ' ' <"$work/names"
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

# The tests of sql/ once more, with a feed on every store that they create. A feed changes nothing but
# what expected/feeds/ says: there stand the lines that a test prints otherwise, and why they may.
group_feeds() {
    runner=$(dirname "$("$bin/pg_config" --pgxs)")/../../src/test/regress/pg_regress
    # shellcheck disable=SC2046
    tests=$(asked_for $(make -s print-REGRESS | tr ' ' '\n' | grep -v '^feed'))
    # shellcheck disable=SC2016,SC2086
    with_server sh -c '
        createdb feeds && psql -q -d feeds -c "CREATE EXTENSION goes_store" -f tools/feed-on.sql &&
            "$@"' sh "$runner" --inputdir=. --outputdir="$here" --bindir="$bin" --use-existing \
        --dbname=feeds $tests >"$here/output" 2>&1 || true
    for name in $tests; do
        changed_lines "$name" >"$here/$name" || true
        pass_or_fail "feeds: $name" compare_lines "$name" || true
    done
}

# libgoes' tests, likewise.
group_feeds_client() {
    turn=in_turn
    # shellcheck disable=SC2046
    FEEDS=$PWD/tools/feed-on.sql client_tests "$(asked_for $(programs_of_servers))"
}

# changed_lines TEST: what a test printed otherwise than expected, without the places.
changed_lines() {
    diff --unchanged-line-format='' --old-line-format='-%L' --new-line-format='+%L' \
        "expected/$1.out" "$here/results/$1.out"
}

# compare_lines TEST: like pg_regress, a second file may say what other versions of PostgreSQL print.
compare_lines() {
    [ -s "$here/results/$1.out" ] || return 1
    for lines in "expected/feeds/${1}_1" "expected/feeds/$1"; do
        sed '/^#/d' "$lines" 2>/dev/null | diff -u - "$here/$1" >"$here/$1.diff" && return
    done
    cat "$here/$1.diff"
    return 1
}

# Those tests of libgoes that neither stop the server nor make their tables by commands that Citus refuses.
programs_on_citus="server_append server_append_hooks server_append_race server_append_refused server_append_tx
    server_basics server_coalesce server_cursor server_cursor_end server_hooks server_hooks_atomic server_hooks_told
    server_insert server_insert_refused server_lost_delete server_lost_insert_late
    server_large server_model server_model_lock server_model_use server_property server_query server_query_order
    server_query_whole server_savepoint server_snapshot server_snapshot_cursor server_snapshot_query server_tx
    server_tx_failed server_unstorable server_writer server_writer_waits"

# The stories of sql/ and tests of libgoes once more, on tenants.
group_045_citus() {
    cp -r sql expected "$here"
    CLIENT_PROGRAMS=
    if [ -e "$("$bin/pg_config" --sharedir)/extension/citus.control" ]; then
        # shellcheck disable=SC2086
        in_turn client_programs "$(echo $programs_on_citus)" || return 1
        CLIENT_PROGRAMS=$programs_on_citus
    fi
    export CLIENT_PROGRAMS
    tap 045_citus
}

group_isolation() {
    runner=$(dirname "$("$bin/pg_config" --pgxs)")/../../src/test/isolation/pg_isolation_regress
    # shellcheck disable=SC2046
    regression "$runner" "$here" "$(asked_for $(make -s print-ISOLATION))"
}

# Programs that measure say something only as they are, and about libgoes: the same on every server. All the
# others run under ASan, and as they are where they are asked for, or where only the server matters.
measuring_programs="server_stream server_feed_long"

group_client() {
    turn=in_turn
    # shellcheck disable=SC2046
    if [ -z "$wanted" ] && [ "${SERVER_TESTS_ONLY:-no}" = no ]; then
        client_tests "$measuring_programs"
    elif [ -z "$wanted" ]; then
        client_tests "$(programs_of_servers) $(unit_programs)"
    else
        client_tests "$(asked_for $(server_programs) $(unit_programs))"
    fi
}

# Those whose result depends on the server.
programs_of_servers() {
    server_programs | grep -vxF "$(echo "$measuring_programs" | tr ' ' '\n')"
}

group_asan() {
    # group_cli takes libgoes from the same folder
    turn=in_turn
    # shellcheck disable=SC2046
    sanitized "$(asked_for $(server_programs) $(unit_programs))" ASAN
}

# The programs that have threads, or those that were asked for.
group_tsan() {
    programs="server_pool server_pool_sharing server_cursor_end server_hooks server_tx \
        server_append_race server_table server_load server_model_lock server_feed server_subscription \
        server_subscription_commit server_loop server_service server_writer server_writer_waits server_coalesce \
        server_lost_coalesce server_lost_writer $(unit_programs)"
    for name in $wanted; do
        case " $programs " in
            *" $name "*) ;;
            *) [ ! -e "client/test/$name.c" ] || programs="$programs $name" ;;
        esac
    done
    # shellcheck disable=SC2086
    sanitized "$(asked_for $programs)" TSAN
}

# Short: .ci/run sets FUZZ_SECONDS.
group_fuzz() {
    FUZZ_SECONDS=${FUZZ_SECONDS:-5}
    export FUZZ_SECONDS
    pass_or_fail fuzz make -s -C client fuzz || true
    pass_or_fail "fuzz: goes" make -s -C cli fuzz || true
}

group_symbols() {
    report in_turn make -s -C client symbols
}

group_rooms() {
    report in_turn tools/rooms
}

group_docs() {
    pass_or_fail docs make -s docs || true
    pass_or_fail man make -s -C client man || true
    pass_or_fail "man: goes" in_turn make -s -C cli man || true
}

# The sources are laid out by one version of clang-format: they do not agree on every line.
layout_version=14
group_format() {
    case $(clang-format --version) in
        *" $layout_version."*) pass_or_fail format make -s format-check || true ;;
        *) say "skipped   format: this is not clang-format $layout_version" ;;
    esac
}

# The patches of t/break/ still apply; whether tests notice them takes `make break`. So do the edits of
# tools/test-asserts.
group_breaks() {
    for patch in t/break/*.patch; do
        pass_or_fail "applies: $(basename "$patch" .patch)" applies "$patch" || true
    done
    pass_or_fail "applies: edits of test-asserts" tools/test-asserts --edits || true
}

applies() {
    patch --dry-run -p1 -s -F0 <"$1"
}

# What README.md and docs/ show, in C with an installed libgoes, and as excerpts of the examples.
group_008_docs() {
    pass_or_fail "docs: libgoes" in_turn make -s -C client prefix="$here/libgoes" install || return 0
    cp -r examples "$here"
    tap 008_docs
}

# The programs of examples/, built against an installed libgoes.
group_011_examples() {
    pass_or_fail "examples: build" in_turn example_programs || return 0
    tap 011_examples
}

# The example of examples/shards, on servers of its own.
group_047_shards() {
    mkdir -p "$here/examples"
    cp -r examples/shards "$here/examples"
    tap 047_shards
}

# The command-line tool as it is, which is goes.plain, and under ASan where not only the server matters.
# It keeps what it has until it ends, so nobody looks for leaks.
group_cli() {
    pass_or_fail "$group: build" in_turn build_cli || return 0
    cp cli/build/goes "$here/goes.plain"
    cp "cli/$tried/goes" cli/completion.bash "$here"
    ASAN_OPTIONS=detect_leaks=0 tap "$group"
}

build_cli() {
    tried=build
    make -s STRICT=-Werror client || return 1
    [ "${SERVER_TESTS_ONLY:-no}" = no ] || return 0
    tried=build/asan
    flags=$(sanitizer_flags ASAN)
    make -s -C client -j"$(nproc)" BUILD=build/asan SANITIZE="$flags" STRICT=-Werror build/asan/libgoes.a &&
        make -s -C cli -j"$(nproc)" BUILD=$tried SANITIZE="$flags" STRICT=-Werror \
            LIBGOES=../client/build/asan/libgoes.a
}

# The program that compares the store with others.
group_050_bench() {
    pass_or_fail "bench: build" in_turn bench_program || return 0
    tap 050_bench
}

bench_program() {
    make -s -C client STRICT=-Werror all && make -s STRICT=-Werror bench/goes_bench && mkdir -p "$here/bench" &&
        cp bench/goes_bench "$here" && cp bench/report.py "$here/bench"
}

example_programs() (
    export STRICT=-Werror
    build_examples "$here/examples" && cp examples/dpkg.log "$here/examples"
)

# The version stands in four places; they agree.
group_versions() {
    pass_or_fail versions versions_agree || true
    pass_or_fail "released files" tools/freeze --check || true
}

versions_agree() {
    control=$(sed -n "s/^default_version = '\(.*\)'/\1/p" goes_store.control)
    grep -q "\"version\": \"$control.0\"" META.json
    grep -q "\"file\": \"extension/goes_store--$control.sql\"" META.json
    test -f "extension/goes_store--$control.sql"
    head -n 1 debian/changelog | grep -qF "goes-store ($control.0)"
    sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1 | grep -qx "$control"
}

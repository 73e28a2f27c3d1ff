#!/bin/sh
# What a program gets from libgoes: the symbols of both libraries against goes.h, the header alone
# as C and as C++, and an installation that a program is built with by pkg-config. Prints TAP.
# `make symbols` builds what this looks at, and passes the variables.
set -eu
cd "$(dirname "$0")/.."
: "${MAKE:=make}" "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}" "${BUILD:=build}"
: "${VERSION:?make symbols sets it}" "${SONAME:?make symbols sets it}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failures=0

# check NAME COMMAND …: one test that is a command. What it says is shown when it fails. In a function
# each step is tied to the next by &&, since "set -e" does not hold in there.
check() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$work/output" 2>&1; then
        echo "ok $number - $name"
    else
        failures=$((failures + 1))
        echo "not ok $number - $name"
        sed 's/^/# /' "$work/output"
    fi
}

# Lists that are equal. Lines that only one has are shown, those of the second one indented.
same_lists() {
    comm -3 "$1" "$2" | tee "$work/difference"
    test -s "$1" && test ! -s "$work/difference"
}

# ---- Symbols

# A declaration may go on over lines; its function's name is what stands before the parenthesis.
# Comments are taken out first, and the definition of GOES_API itself.
"$CC" -fpreprocessed -dD -E -P goes.h 2>/dev/null | grep -v '^ *#' | tr '\n' ' ' | tr ';{' '\n\n' |
    sed -n 's/.*GOES_API[^(]*[ *]\(goes_[a-z0-9_]*\) *(.*/\1/p' | sort >"$work/declared"
# --dynamic for the library that is loaded, else every global symbol.
nm --dynamic --defined-only --extern-only --format=posix "$BUILD/libgoes.so" >"$work/versioned"
sed -n 's/^\([a-z0-9_]*\)@@*[A-Z].*/\1/p' "$work/versioned" | sort >"$work/shared"
nm --defined-only --extern-only --format=posix "$BUILD/libgoes.a" |
    sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\) [A-Z] .*/\1/p' | sort >"$work/static"

every_declaration_is_found() {
    test "$(grep -c GOES_API goes.h)" -eq "$(($(wc -l <"$work/declared") + 2))"
}

has_soname() {
    readelf --dynamic "$BUILD/libgoes.so" | grep -F "Library soname: [$SONAME]"
}

# The names of the versions are symbols, too.
every_symbol_has_a_version() {
    grep -v '@LIBGOES_[0-9.]* ' "$work/versioned" | grep -v '^LIBGOES_[0-9.]*\(@@LIBGOES_[0-9.]*\)\? A ' |
        tee "$work/unversioned"
    test ! -s "$work/unversioned"
}

allocators='(__)?(malloc|calloc|realloc|reallocarray|strn?dup|v?asprintf(_chk)?|getline|getdelim'
allocators="$allocators|posix_memalign|aligned_alloc|open_memstream|free)"

# In these rooms the functions that failing_alloc.c has are replaced. Any other would never be made to fail.
no_other_allocation() {
    nm --undefined-only --format=posix "$BUILD/rooms_memory.a" | cut -d' ' -f1 | sort -u |
        grep -xE "$allocators" | tee "$work/others"
    test ! -s "$work/others"
}

# ---- The ABI

# serves_programs_of FILE: abidiff's status has a bit for each kind of change; new functions are none.
serves_programs_of() {
    "$MAKE" -s BUILD="$BUILD" "$BUILD/libgoes.abi" &&
        abidiff --no-added-syms --suppressions abi/suppressions "$1" "$BUILD/libgoes.abi" && return
    echo "A program that was built with an older goes.h must go on working (CONTRIBUTING.md, the ABI of libgoes)."
    echo "As long as $VERSION is not released, tools/freeze abi notes what is there now."
    return 1
}

# The form of types is that of a machine.
is_noted_here() {
    command -v abidiff >/dev/null && "$MAKE" -s BUILD="$BUILD" "$BUILD/libgoes.abi" &&
        machine=$(sed -n "s/.*\(architecture='[^']*'\).*/\1/p" "$BUILD/libgoes.abi") && grep -qF "$machine" "$1"
}

check_abi() {
    for noted in abi/*.abi; do
        name="a program that was built with version $(basename "$noted" .abi) goes on working"
        if is_noted_here "$noted"; then
            check "$name" serves_programs_of "$noted"
        else
            number=$((number + 1))
            echo "ok $number - $name # SKIP abigail-tools is missing, or this is another kind of machine"
        fi
    done
}

check "every GOES_API of goes.h is understood" every_declaration_is_found
check "libgoes.so exports what goes.h declares, and nothing else" \
    same_lists "$work/declared" "$work/shared"
check "libgoes.a offers the same" same_lists "$work/declared" "$work/static"
check "libgoes.so is $SONAME" has_soname
check "every symbol of it has a version" every_symbol_has_a_version
check_abi
check "no allocation escapes the tests that make it fail" no_other_allocation

# ---- The header alone

header_alone() {
    printf '#include "goes.h"\n#include "goes.h"\nint main(%s) { return GOES_OK; }\n' "$3" \
        >"$work/header.$2"
    # shellcheck disable=SC2086
    $1 -Wall -Wextra -Wpedantic -Werror -I. -c -o "$work/header.o" "$work/header.$2"
}

check "goes.h is C11 without a warning" header_alone "$CC -std=c11" c void
check "goes.h is C++ without a warning" header_alone "$CXX" cpp ''
check "goes.h is C++11 without a warning" header_alone "$CXX -std=c++11" cpp ''

# ---- An installation, in folders that no compiler looks into by itself

root=$work/root
prefix=/opt/goes
libdir=$prefix/lib/some-machine
lib=$root$libdir

make_install() {
    $MAKE DESTDIR="$root" prefix=$prefix libdir=$libdir "$1"
}

# package FLAG …: asks pkg-config as a cross-compiler would, whose files are below a root.
package() {
    PKG_CONFIG_PATH=$lib/pkgconfig $PKG_CONFIG \
        --define-variable=libdir="$lib" --define-variable=includedir="$root$prefix/include" "$@"
}

has_version() {
    test "$(package --modversion libgoes)" = "$VERSION"
}

# goes_store.control says 1.0 for every 1.0.x; META.json has all of it.
has_version_of_project() {
    test ! -f ../goes_store.control || {
        grep -F "default_version = '${VERSION%.*}'" ../goes_store.control &&
            grep -F "\"version\": \"$VERSION\"" ../META.json
    }
}

has_no_foreign_flags() {
    test "$(package --libs libgoes | xargs)" = "-L$lib -lgoes"
}

cat >"$work/program.c" <<'END'
#include <stdio.h>
#include <goes.h>

int main(void)
{
	goes_event event;
	goes_query *query = goes_query_new();

	goes_event_init(&event, "order.placed", NULL);
	if (goes_query_name(query, "order.placed") != GOES_OK || !goes_query_test(query, &event))
		return 1;
	goes_query_free(query);
	printf("%06x\n", (unsigned) goes_version());
	return goes_version() != GOES_VERSION;
}
END

# It finds the library as any program does: by its soname, where the loader looks.
runs_with_shared() {
    # shellcheck disable=SC2046
    $CC -Wall -Wextra -Werror -o "$work/shared-program" "$work/program.c" \
        $(package --cflags --libs libgoes) &&
        readelf --dynamic "$work/shared-program" | grep -F "[$SONAME]" &&
        LD_LIBRARY_PATH=$lib "$work/shared-program"
}

# libgoes inside the program, the libraries that it needs itself (Requires.private) from outside:
# the static ones want half of Kerberos.
runs_with_static() {
    rm -f "$lib"/libgoes.so*
    # shellcheck disable=SC2046
    $CC -Wall -Wextra -Werror -pthread -o "$work/static-program" "$work/program.c" \
        $(package --cflags --libs libgoes) \
        $($PKG_CONFIG --libs $(package --print-requires-private libgoes)) &&
        "$work/static-program"
}

# The flags that goes.h gives, in front of a libgoes.so that is there, too.
runs_with_documented_flags() {
    flags=$(sed -n 's/.*`\(-l:libgoes\.a[^`]*\)`.*/\1/p' goes.h)
    # shellcheck disable=SC2086
    test "$flags" && $CC -Wall -Wextra -Werror -o "$work/documented-program" "$work/program.c" \
        -I"$root$prefix/include" -L"$lib" $flags &&
        ! readelf --dynamic "$work/documented-program" | grep -F libgoes &&
        "$work/documented-program"
}

static_names_its_needs() {
    package --static --libs libgoes | grep -e '-lpq' | grep -e '-luuid' | grep -e '-pthread'
}

# The program may have functions that are called like those inside the library.
static_leaves_names_to_the_program() {
    printf 'int fail(void) { return 0; }\nint reserve(void) { return 0; }\n' >"$work/names.c"
    # shellcheck disable=SC2046
    $CC -pthread -o "$work/static-program" "$work/program.c" "$work/names.c" \
        $(package --cflags --libs libgoes) \
        $($PKG_CONFIG --libs $(package --print-requires-private libgoes)) &&
        "$work/static-program"
}

nothing_is_left() {
    find "$root" ! -type d | tee "$work/left"
    test ! -s "$work/left"
}

check "make install" make_install install
check "pkg-config knows version $VERSION" has_version
check "it is the version of the project" has_version_of_project
check "a program with libgoes.so needs no flags but its own" has_no_foreign_flags
check "a program with libgoes.so runs" runs_with_shared
check "a program with the flags of goes.h for libgoes.a runs" runs_with_documented_flags
check "pkg-config --static names what libgoes.a needs" static_names_its_needs
check "a program with libgoes.a runs" runs_with_static
# The shared library was removed above.
runs_with_cmake() {
    command -v cmake >/dev/null || return 0
    make_install install && mkdir -p "$work/cmake" && cp "$work/program.c" "$work/cmake" &&
        cat >"$work/cmake/CMakeLists.txt" <<'END' &&
cmake_minimum_required(VERSION 3.16)
project(program C)
find_package(libgoes 1.0 REQUIRED)
foreach(kind libgoes libgoes_static)
    add_executable(with_${kind} program.c)
    target_link_libraries(with_${kind} libgoes::${kind})
endforeach()
END
        cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$lib" \
            -Dlibgoes_DIR="$lib/cmake/libgoes" && cmake --build "$work/cmake/build" &&
        "$work/cmake/build/with_libgoes" && "$work/cmake/build/with_libgoes_static" &&
        rm "$lib"/libgoes.so*
}

check "CMake finds libgoes, shared and static" runs_with_cmake
check "libgoes.a leaves other names to the program" static_leaves_names_to_the_program
check "make uninstall leaves nothing" make_install uninstall
check "nothing is left" nothing_is_left

echo "1..$number"
[ "$failures" = 0 ]

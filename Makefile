# goes_store: the extension's build (PGXS), libgoes, and the commands around them.
#
#   make            build the extension, libgoes and the tool goes   (needs the headers of the server, libpq
#                   and libuuid)
#   make install    install them, as root; PG_CONFIG says into which server, prefix where libgoes goes
#   make with_client=no install     only the extension; make -C client install: only libgoes; make
#                   client-install: libgoes and the tool
#   make docs       pages from libgoes' header, in client/docs/
#   make picture    the pictures of README.md and docs/scale.md, from docs/*.dot (with graphviz)
#   make installcheck  test what is installed on a running server: REGRESS, ISOLATION and
#                   PROVE_TESTS name single tests, as in make installcheck REGRESS=append PROVE_TESTS=t/002_crash.pl
#   make demo       see it work: installs what is missing, then a throwaway server
#   make test       every test, the same way on a fresh machine, but for what CI adds: tools/test tsan fuzz
#   make test-matrix  the same in Debian roots with newer PostgreSQL versions
#   make test-packages  build Debian's packages and what the Dockerfile does, and use them in a bare Debian
#   make test-pg-upgrade  pg_upgrade of stores, from 15 to 17 and from 17 to 18, in Debian roots
#   make dist       the archive for PGXN, of what is committed; DIST_FOLDER says where
#   make test-asserts  sql/ and specs/ on a PostgreSQL with assertions, all caches freed at every look-up: hours
#   make coverage   which lines of the extension and of libgoes the tests run: half an hour
#   make break      break it, one thing at a time, and demand that a test notices
#   make faults     make faults while a store is in use, and look what they have done; MINUTES=60 SEED=1
#   make soak       follow a store for minutes while others write to it; MINUTES=60
#   make bounds     measure what the design promises
#   make bench      measure it beside the bare server (10 minutes); make bench-peers: beside other event stores
#                   (45 minutes); both write bench/report.md
#   make goes       prove that goes and libgoes share the table, and test goes/goesstore (needs Go 1.25 or
#                   later, and fetches goes)
#   make goes-ui    open goes' own web page beside a store, in a browser (needs Go and npm, and fetches it)
#   make examples   build and run the examples in Python, JavaScript, Java, Go and Rust, as far as there are tools
#   make format     lay out the C code; `make format-check` only looks

EXTENSION = goes_store
MODULE_big = goes_store
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c extension/*/*.c)))
# Every version's script, and those from one version to the next.
DATA = $(sort $(wildcard extension/goes_store--*.sql))
EXTRA_CLEAN = bench/bounds bench/goes_bench results extension/built-for $(OBJS:.o=.d)

# PGXS sets some of these itself; libgoes gets what the caller has in the environment. What stands on
# the command line reaches both anyway.
CLIENT_SETTINGS := $(foreach name,CC CPPFLAGS CFLAGS LDFLAGS AR LD INSTALL prefix exec_prefix libdir \
	includedir,$(if $(filter environment,$(origin $(name))),$(name)='$($(name))'))
with_client ?= yes

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
SERVER_HEADERS := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
# Debian has the one in the package of the server, too, and only the other in that of its headers.
has_server_headers := $(and $(wildcard $(PGXS)),$(wildcard $(SERVER_HEADERS)/postgres.h))

# make installcheck runs these on a running server that the extension is installed in, and so does make test
# on one of its own. The tests in t/ start servers, which root may not; they run the programs of libgoes'
# tests and the examples where those are built (make -C client tests; tools/test builds both).
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=goes_store
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=goes_store
TAP_TESTS := $(filter-out 0,$(shell id -u))
export CLIENT_TESTS ?= $(CURDIR)/client/build/test

# No JIT copy of the code: PostgreSQL's packages would ask for their clang.
override with_llvm = no

# The library knows the version that is written in goes_store.control.
EXTENSION_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" goes_store.control)

# The server's own headers do not pass -Wextra.
PG_CPPFLAGS = -Iextension -DGOES_STORE_VERSION=$(EXTENSION_VERSION) -isystem $(SERVER_HEADERS)
# The tests build with STRICT=-Werror; a user's newer compiler may warn of more.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement $(STRICT) -MMD -MP

# On a bare machine there is no PGXS yet; the commands below install it.
ifneq ($(has_server_headers),)
include $(PGXS)
# Objects for another server, or with other flags, are made anew.
-include $(OBJS:.o=.d)
$(OBJS): extension/built-for
extension/built-for: FORCE
	@echo '$(VERSION) $(PGXS) $(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || \
		echo '$(VERSION) $(PGXS) $(CC) $(CPPFLAGS) $(CFLAGS)' >$@
FORCE:
else
all install:
	@echo "PostgreSQL's server headers are missing: run tools/packages (Debian), or set PG_CONFIG." >&2
	@echo "libgoes alone needs none: make -C client." >&2
	@exit 1
endif

# The other half, by its own Makefile, which stands on its own, and the command-line tool on top of it.
ifneq ($(with_client),no)
ifneq ($(has_server_headers),)
all: client
install: client-install
uninstall: client-uninstall
clean: client-clean
endif
endif

client:
	@$(MAKE) -C client $(CLIENT_SETTINGS) all
	@$(MAKE) -C cli $(CLIENT_SETTINGS) all

client-install: client
	@$(MAKE) -C client $(CLIENT_SETTINGS) install
	@$(MAKE) -C cli $(CLIENT_SETTINGS) install

client-uninstall:
	@$(MAKE) -C client $(CLIENT_SETTINGS) uninstall
	@$(MAKE) -C cli $(CLIENT_SETTINGS) uninstall

client-clean:
	@$(MAKE) -C client clean
	@$(MAKE) -C cli clean

# What a variable says, for scripts: make -s print-REGRESS.
print-%:
	@echo $($*)

docs:
	@$(MAKE) -C client docs

picture: $(patsubst %.dot,%.svg,$(wildcard docs/*.dot))
docs/%.svg: docs/%.dot
	@command -v dot >/dev/null || tools/packages picture
	dot -Tsvg -o $@ $<

# PGXN's archive has the version of META.json, and so does its folder.
DIST_FOLDER ?= .
dist:
	@version=$$(sed -n '1,/"provides"/s/.*"version": "\(.*\)",/\1/p' META.json) && \
	git archive --format=zip --prefix="goes_store-$$version/" -o "$(DIST_FOLDER)/goes_store-$$version.zip" HEAD

.PHONY: client client-install client-uninstall client-clean docs picture dist
.PHONY: demo test test-matrix test-packages test-pg-upgrade test-asserts coverage break faults soak bounds bench bench-peers goes goes-ui examples format format-check

demo:
	@tools/demo

test:
	@tools/test

test-matrix:
	@tools/test-matrix

test-packages:
	@tools/test-packages

test-pg-upgrade:
	@tools/test-pg-upgrade

test-asserts:
	@tools/test-asserts

coverage:
	@tools/coverage

break:
	@tools/break

faults:
	@tools/faults $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(FAULTS)

soak:
	@tools/soak $(MINUTES)

bounds:
	@tools/bounds

bench:
	@tools/bench

bench-peers:
	@tools/bench --peers

# A program of libgoes, which has to be there.
bench/goes_bench: $(wildcard bench/goes_bench*.[ch]) $(wildcard bench/bounds*.h) client/build/libgoes.a
	$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra $(STRICT) -Iclient -Ibench -o $@ \
		$(filter %.c,$^) bench/bounds_client.c bench/bounds_encode.c bench/bounds_insert.c \
		client/build/libgoes.a $(shell pkg-config --cflags --libs libpq uuid) -pthread

goes:
	@tools/goes

goes-ui:
	@tools/goes-ui

examples:
	@tools/examples

format:
	@tools/format

format-check:
	@tools/format --check

# goes_store: the extension's build (PGXS), libgoes, and the commands around them.
#
#   make            build the extension and libgoes   (needs the headers of the server, libpq and libuuid)
#   make install    install them, as root; PG_CONFIG says into which server, prefix where libgoes goes
#   make with_client=no install     only the extension; make -C client install: only libgoes
#   make docs       pages from libgoes' header, in client/docs/
#   make picture    the picture of the README, from docs/picture.dot (needs graphviz)
#   make installcheck  test what is installed on a running server: REGRESS, ISOLATION and
#                   PROVE_TESTS name single tests, as in make installcheck REGRESS=append PROVE_TESTS=t/002_crash.pl
#   make demo       see it work: installs what is missing, then a throwaway server
#   make test       every test; the same way on a fresh machine
#   make test-matrix  the same in Debian roots with newer PostgreSQL versions
#   make bounds     measure what the design promises
#   make goes       prove that goes and libgoes share the table (needs Go 1.25 or later, and fetches goes)
#   make format     lay out the C code; `make format-check` only looks

EXTENSION = goes_store
MODULE_big = goes_store
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c extension/*/*.c)))
DATA = extension/goes_store--1.0.sql
EXTRA_CLEAN = bench/bounds results extension/built-for $(OBJS:.o=.d)

# PGXS sets some of these itself; libgoes gets what the caller has in the environment. What stands on
# the command line reaches both anyway.
CLIENT_SETTINGS := $(foreach name,CC CPPFLAGS CFLAGS LDFLAGS AR LD INSTALL prefix exec_prefix libdir \
	includedir,$(if $(filter environment,$(origin $(name))),$(name)='$($(name))'))
with_client ?= yes

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

# make installcheck runs these on a running server that the extension is installed in, and so does make test
# on one of its own. The tests in t/ start servers, which root may not; they run the programs of libgoes'
# tests and the examples where those are built (make -C client tests; tools/test builds both).
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=goes_store
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=goes_store
TAP_TESTS = $(filter-out 0,$(shell id -u))
export CLIENT_TESTS ?= $(CURDIR)/client/build/test

# No JIT copy of the code: PostgreSQL's packages would ask for their clang.
override with_llvm = no

# The server's own headers do not pass -Wextra.
PG_CPPFLAGS = -Iextension -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
# The tests build with STRICT=-Werror; a user's newer compiler may warn of more.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement $(STRICT) -MMD -MP

# On a bare machine there is no PGXS yet; the commands below install it.
ifneq ($(wildcard $(PGXS)),)
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

# The other half, by its own Makefile, which stands on its own.
ifneq ($(with_client),no)
ifneq ($(wildcard $(PGXS)),)
all: client
install: client-install
uninstall: client-uninstall
clean: client-clean
endif
endif

client:
	@$(MAKE) -C client $(CLIENT_SETTINGS) all

client-install: client
	@$(MAKE) -C client $(CLIENT_SETTINGS) install

client-uninstall:
	@$(MAKE) -C client $(CLIENT_SETTINGS) uninstall

client-clean:
	@$(MAKE) -C client clean

# What a variable says, for scripts: make -s print-REGRESS.
print-%:
	@echo $($*)

docs:
	@$(MAKE) -C client docs

picture: docs/picture.svg
docs/picture.svg: docs/picture.dot
	dot -Tsvg -o $@ $<

.PHONY: client client-install client-uninstall client-clean docs picture
.PHONY: demo test test-matrix bounds goes format format-check

demo:
	@tools/demo

test:
	@tools/test

test-matrix:
	@tools/test-matrix

bounds:
	@tools/bounds

goes:
	@tools/goes

format:
	@tools/format

format-check:
	@tools/format --check

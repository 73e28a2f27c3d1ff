# goes_store: the extension's build (PGXS) and the commands around it.
#
#   make            build the extension            (needs the server's headers)
#   make install    install it, as root or with PG_CONFIG of your own server
#   make demo       see it work: installs what is missing, then a throwaway server
#   make test       every test; the same way on a fresh machine
#   make test-matrix  the same in Debian roots with newer PostgreSQL versions
#   make bounds     measure what the design promises
#   make format     lay out the C code; `make format-check` only looks

EXTENSION = goes_store
MODULE_big = goes_store
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c)))
DATA = extension/goes_store--1.0.sql
EXTRA_CLEAN = bench/bounds results

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

# No JIT copy of the code: PostgreSQL's packages would ask for their clang.
override with_llvm = no

# The server's own headers do not pass -Wextra.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
# The tests build with STRICT=-Werror; a user's newer compiler may warn of more.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement $(STRICT)

# On a bare machine there is no PGXS yet; the commands below install it.
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
$(OBJS): $(wildcard extension/*.h)
else
all install:
	@echo "PostgreSQL's server headers are missing: run tools/packages (Debian), or set PG_CONFIG." >&2
	@exit 1
endif

.PHONY: demo test test-matrix bounds format format-check

demo:
	@tools/demo

test:
	@tools/test

test-matrix:
	@tools/test-matrix

bounds:
	@tools/bounds

format:
	@tools/format

format-check:
	@tools/format --check

build/tx.o: tx.c tx.h store.h exec.h internal.h \
 /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h goes.h pool.h conninfo.h types.h
tx.h:
store.h:
exec.h:
internal.h:
/usr/include/postgresql/libpq-fe.h:
/usr/include/postgresql/postgres_ext.h:
/usr/include/postgresql/pg_config_ext.h:
goes.h:
pool.h:
conninfo.h:
types.h:

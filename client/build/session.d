build/session.o: session.c store.h exec.h internal.h \
 /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h goes.h pool.h conninfo.h types.h
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

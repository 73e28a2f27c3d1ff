build/read.o: read.c request.h query.h internal.h \
 /usr/include/postgresql/libpq-fe.h \
 /usr/include/postgresql/postgres_ext.h \
 /usr/include/postgresql/pg_config_ext.h goes.h store.h exec.h pool.h \
 conninfo.h types.h
request.h:
query.h:
internal.h:
/usr/include/postgresql/libpq-fe.h:
/usr/include/postgresql/postgres_ext.h:
/usr/include/postgresql/pg_config_ext.h:
goes.h:
store.h:
exec.h:
pool.h:
conninfo.h:
types.h:

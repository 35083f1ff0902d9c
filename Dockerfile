# Tandem's programs as one small image: tandem-serve, tandem-speed, tandem-batch, tandem-feed. docker-compose.yml uses it.
#
#   docker build -t tandem .
#
# Behind a proxy that signs with a certificate of its own: --secret id=ca,src=FILE, so that npm believes it; docs/operations.md, "Containers".

# ---- the pages of the console and the shop: node, only here ----
FROM debian:bookworm-slim AS web
ENV DEBIAN_FRONTEND=noninteractive
RUN --mount=type=cache,id=apt-archives,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=apt-lists,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates make nodejs npm >/dev/null
WORKDIR /src
COPY Makefile ./
COPY serving-layer/web/package.json serving-layer/web/package-lock.json serving-layer/web/.npmrc serving-layer/web/
RUN --mount=type=cache,id=npm,target=/root/.npm,sharing=locked \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export NODE_EXTRA_CA_CERTS=/run/ca.crt; fi; \
    make build/web/npm.done
COPY serving-layer/web serving-layer/web
# What npm brought may be older than the checkout: a layer is kept by what files hold, not by their times.
RUN touch build/web/npm.done && make build/web/static_files.inc

# ---- the programs ----
FROM debian:bookworm-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN --mount=type=cache,id=apt-archives,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=apt-lists,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
 && apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ccache gcc libc6-dev make pkg-config \
        librdkafka-dev libhiredis-dev libpq-dev libevent-dev liblzma-dev libjansson-dev \
        libcurl4-openssl-dev libxxhash-dev libsodium-dev zlib1g-dev >/dev/null
WORKDIR /src
COPY Makefile ./
COPY views views
COPY common common
COPY handover handover
COPY speed-layer speed-layer
COPY batch-layer batch-layer
COPY serving-layer serving-layer
COPY tools tools
COPY --from=web /src/build/web/npm.done /src/build/web/static_files.inc build/web/
# ccache goes by what files hold, not by their times: what did not change is not compiled again.
RUN --mount=type=cache,id=ccache,target=/root/.cache/ccache \
    touch build/web/npm.done && touch build/web/static_files.inc \
 && PATH=/usr/lib/ccache:$PATH make -j"$(nproc)" all \
 && strip build/bin/*

# ---- what runs ----
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Tandem" \
      org.opencontainers.image.description="Real-time recommendations, exact to the last count" \
      org.opencontainers.image.licenses="Apache-2.0"
# Libraries by their major version: a build next year gets this year's repairs, no other library.
RUN --mount=type=cache,id=apt-archives,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=apt-lists,target=/var/lib/apt/lists,sharing=locked \
    mv /etc/apt/apt.conf.d/docker-clean /tmp/docker-clean \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        'librdkafka1=2.*' 'libhiredis0.14=0.14.*' 'libpq5=15.*' 'libevent-2.1-7=2.1.12-stable-8+deb12u*' \
        'libevent-pthreads-2.1-7=2.1.12-stable-8+deb12u*' 'liblzma5=5.*' 'libjansson4=2.*' 'libcurl4=7.*' \
        'libsodium23=1.*' 'zlib1g=1:1.*' 'curl=7.*' tzdata >/dev/null \
 && mv /tmp/docker-clean /etc/apt/apt.conf.d/docker-clean \
 && groupadd --system --gid 10001 tandem \
 && useradd --system --uid 10001 --gid tandem --home-dir / --no-create-home --shell /usr/sbin/nologin tandem \
 && install -d -o tandem -g tandem -m 700 /run/tandem/secrets /run/tandem/keys \
 && install -d -o tandem -g tandem -m 755 /run/tandem/postgres
COPY --from=build /src/build/bin/ /usr/local/bin/
COPY --chmod=755 deploy/docker/make-secrets deploy/docker/set-up deploy/docker/first-run /usr/local/bin/
COPY deploy/local/conf/boards.json /etc/tandem/boards.json
USER 10001:10001
WORKDIR /
STOPSIGNAL SIGTERM
EXPOSE 8080
# Of tandem-serve; other programs say their own where they are started.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/readyz"]
CMD ["tandem-serve"]

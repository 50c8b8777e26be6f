# A static memsentry in an empty image: one binary, certificates, a user that is not root.
#
#   docker build -t memsentry .
#   docker run -v ./memsentry.yaml:/etc/memsentry/memsentry.yaml:ro -v memsentry:/var/lib/memsentry -p 9464:9464 memsentry
#
# In a container set web.listen: 0.0.0.0:9464 and store.path: /var/lib/memsentry/memsentry.db.

# Alpine's Rust builds for musl, linked statically. ring and SQLite bring C, hence the compiler.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache ca-certificates gcc musl-dev
WORKDIR /src
COPY . .
# Dependencies are built once and kept in the caches; only the binary leaves them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --package memsentry --bin memsentry && \
    install -D -m 755 target/dist/memsentry /out/usr/local/bin/memsentry && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 755 /out/etc/memsentry && \
    install -d -m 700 /out/state

FROM scratch
LABEL org.opencontainers.image.title="memsentry" \
      org.opencontainers.image.description="Monitoring and alerting for short-term chat memory services" \
      org.opencontainers.image.source="https://github.com/memsentry/memsentry" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/usr /usr
COPY --from=build /out/etc /etc
# A volume mounted here for the first time takes this owner.
COPY --from=build --chown=65532:65532 /out/state /var/lib/memsentry
USER 65532:65532
WORKDIR /var/lib/memsentry
EXPOSE 9464
# No HEALTHCHECK: there is no shell to run one. Ask GET /-/healthy (alive) and /-/ready (loaded and probing).
# glibc keeps what a large query has freed unless told to give it back: 20 to 30 MB.
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
ENTRYPOINT ["/usr/local/bin/memsentry"]
CMD ["run", "--config", "/etc/memsentry/memsentry.yaml"]

# The image of every verb: `docker run -p 8080:8080 duet` is one process that needs nothing else, and `gateway` or
# `matchmaker` after the image's name is a part of it. Builds with and without BuildKit.

# The workspace's outline: manifests, the lock file and empty crates. It changes only when a dependency or a crate does.
FROM rust:1.95-bookworm AS outline
WORKDIR /build
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/src/lib.rs' ! -path '*/src/main.rs' -delete \
 && find . -name lib.rs -exec truncate --size 0 {} + \
 && find . -name main.rs -exec sh -c 'echo "fn main() { }" > "$0"' {} ';' \
 && find . -mindepth 1 -type d -empty -delete

# Dependencies first, in a layer that stays while only Duet's own sources change.
FROM rust:1.95-bookworm AS build
WORKDIR /build
# Without line tables the executable is a quarter of the size; backtraces still name functions, and panics their line.
ENV CARGO_PROFILE_RELEASE_DEBUG=none
COPY --from=outline /build .
RUN cargo build --locked --release --package duet
COPY . .
# Copied files keep their times, and cargo would take them for older than the empty crates that it has built.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --locked --release --package duet

FROM debian:bookworm-slim
COPY LICENSE /usr/share/doc/duet/copyright
COPY --from=build /build/target/release/duet /usr/local/bin/duet
# Whom to believe when keys are fetched from a JWKS_URL by https. A mounted file and SSL_CERT_FILE name others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A number, so that Kubernetes' runAsNonRoot can see that it isn't root. Nothing is ever written.
USER 10001:10001
# HTTP and WebSockets; gRPC (a matchmaker, or standalone with GRPC_LISTEN).
EXPOSE 8080 50051
STOPSIGNAL SIGTERM
# Asks http://127.0.0.1:8080/healthz. Another PORT, or a matchmaker (grpc://127.0.0.1:50051), needs HEALTHCHECK_URL.
HEALTHCHECK --interval=5s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/local/bin/duet", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/duet"]
CMD ["standalone"]
# Last, because a release sets them anew: --build-arg VERSION=… --build-arg REVISION=…
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Duet" \
      org.opencontainers.image.description="WebRTC signaling and matchmaking for random one-to-one video chat" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

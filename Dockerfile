# make image builds it, or: docker build -t telegate .
# Building needs 5 GB of memory and some minutes, nearly all of it for Telegram's MTProto schema.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH TARGETVARIANT
ARG VERSION COMMIT DATE
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    make build OUT=/out/usr/bin/telegate VERSION="${VERSION:-$(packaging/version)}" COMMIT="$COMMIT" DATE="$DATE" \
 && packaging/licences /out/usr/bin/telegate > /out/LICENCES-OF-MODULES && cp LICENSE /out/ \
 && mkdir -p /out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/zoneinfo.zip \
 && mkdir -m 1777 /out/tmp && mkdir /state

# Nothing else is inside: no shell, no libraries, no other user.
FROM scratch
COPY --from=build /out /
COPY --from=build --chown=65532:65532 /state /var/lib/telegate
ENV ZONEINFO=/zoneinfo.zip TELEGATE_CONFIG=/var/lib/telegate/telegate.toml
USER 65532:65532
WORKDIR /var/lib/telegate
VOLUME /var/lib/telegate
# It asks where TELEGATE_API says, http://127.0.0.1:8080 unless it does.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/telegate", "status", "--health"]
ENTRYPOINT ["/usr/bin/telegate"]
CMD ["serve"]

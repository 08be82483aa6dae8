# check=error=true
#
# The image, for those who have a container engine:
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v1.2.3 .
#
# `make image` makes the same without one; a test in hack/image runs the steps below and
# compares. The base is empty: the program is static and has the time zones in it. With
# --build-arg SOURCE_DATE_EPOCH=… and --output type=image,rewrite-timestamp=true a build is repeatable.

# The Go that makes a release, here and in `make image`. The program does not depend on
# what else is in the builder's image.
ARG GO_VERSION=1.26.8

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=devel
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" -o /rootfs/mongogate ./cmd/sidecar
# Root's, and not to be read by who runs it: so nobody else of that user can read its environment, from the moment it
# is executed. What mongogate install copies is beside it.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go run -C hack/image ./pack < /rootfs/mongogate > /rootfs/mongogate.gz && \
    chmod 0444 /rootfs/mongogate.gz && chmod 0711 /rootfs/mongogate
# Mozilla's certificate authorities, from a Go module: the version is in go.mod.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    mkdir -p /rootfs/etc/ssl/certs && \
    go run -C hack/image ./roots > /rootfs/etc/ssl/certs/ca-certificates.crt && \
    mkdir -m 1777 /rootfs/tmp

FROM scratch
ARG VERSION=devel
ARG REVISION=
LABEL org.opencontainers.image.title="Mongogate" \
      org.opencontainers.image.description="Runs a command only while a lock in MongoDB is held" \
      org.opencontainers.image.url="https://github.com/mongogate/mongogate" \
      org.opencontainers.image.source="https://github.com/mongogate/mongogate" \
      org.opencontainers.image.documentation="https://github.com/mongogate/mongogate#readme" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /rootfs/ /
# A number, so that the kubelet can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/mongogate"]

#!/usr/bin/env bash
# Static checks: vet for every system that a package promises, linters, tidy modules.
set -euo pipefail
cd "$(dirname "$0")/.."
step() { printf '== %s\n' "$*"; }

step vet
go vet ./...
(cd e2e && go vet ./...)
step "pkg/ on macOS and Windows"
GOOS=darwin GOARCH=arm64 go vet ./pkg/...
GOOS=windows GOARCH=amd64 go vet ./pkg/...
step "arm64"
GOARCH=arm64 go vet ./cmd/... ./internal/...
step "modules are tidy"
for m in . tools bench bench/square e2e hack/image; do
  [ ! -e "$m/go.mod" ] || (cd "$m" && go mod tidy -diff && go mod verify >/dev/null)
done
step golangci-lint
go tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners ./...
for m in e2e hack/image; do
  (cd "$m" && go tool -modfile="$OLDPWD/tools/go.mod" golangci-lint run --allow-parallel-runners ./...)
done
step shell
for f in hack/*.sh hack/kube/*.sh .ci/run; do bash -n "$f"; done
echo "lint: ok"

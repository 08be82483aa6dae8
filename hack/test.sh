#!/usr/bin/env bash
# Every test of the module, with the race detector. Prints a line as each package
# ends and how many tests ran, and fails where that is below the floor: a suite
# that silently runs nothing is green too.
set -euo pipefail
cd "$(dirname "$0")/.."
floor=2300

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/testreport" ./hack/testreport
# One package of real processes at a time beside the others: they measure time on the machine that they load.
go test -race -count=1 -timeout 20m -p 2 -json "$@" ./... | "$bin/testreport" -progress -floor "$floor"

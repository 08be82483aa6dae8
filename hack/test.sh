#!/usr/bin/env bash
# Every test of the module, with the race detector. Prints how many ran, and
# fails where that is below the floor: a suite that silently runs nothing is green too.
set -euo pipefail
cd "$(dirname "$0")/.."
floor=1500

out=$(mktemp)
trap 'rm -f "$out"' EXIT
code=0
# One package of real processes at a time beside the others: they measure time on the machine that they load.
go test -race -count=1 -timeout 20m -p 2 -json "$@" ./... >"$out" || code=$?
go run ./hack/testreport -floor "$floor" <"$out" || code=1
exit "$code"

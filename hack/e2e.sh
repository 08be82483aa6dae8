#!/usr/bin/env bash
# The end-to-end scenarios, on two real clusters that are started for them.
#
#   hack/e2e.sh [-run PATTERN]
#
# E2E_KEEP=1        leave the clusters up at the end, and use those that are up: for work on scenarios
# E2E_PARALLEL=6    scenarios that work at once
# E2E_SCHEDULED_RUNS=20  scheduled runs of the CronJob whose clusters are stopped; CI takes 5, which is one round
# E2E_GATE_LOSSES=10  each way in which a gate is lost (stopped, killed, out of memory; by protection); CI takes one of most
# E2E_ATTACKS=20    each attack of a command on its gate and guard, one in CI
# E2E_SERVERS=5     each of four real servers under each of five protections, one in CI
# E2E_KUBECONFIGS=A,B   use these clusters instead and start none. They need the images E2E_IMAGE and
#                   E2E_WORKER_IMAGE, a database at MONGOGATE_TEST_URI that this machine reaches, and
#                   E2E_HOST_ADDRESS, the address at which their pods reach this machine;
#                   without E2E_SERVERS_IMAGE what needs real servers is skipped
#
# What is downloaded is downloaded first: the clusters and the test itself live
# in a network namespace without a way out.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=hack/kube/cluster.sh
floor=150
pattern=.
while [ $# -gt 0 ]; do
  case $1 in
  -run) pattern=$2 floor=1 && shift 2 ;;
  -run=*) pattern=${1#-run=} floor=1 && shift ;;
  *) sed -n '2,/^set -e/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2 && exit 64 ;;
  esac
done

begun=$SECONDS
step() { printf '== %s (%d s)\n' "$*" $((SECONDS - begun)); }
work=$(mktemp -d)
given=${E2E_KUBECONFIGS:-}
children=()
started=() # clusters: only what was started here is taken down here
finish() {
  trap '' INT TERM HUP
  [ ${#children[@]} = 0 ] || kill -TERM "${children[@]}" 2>/dev/null || true
  wait
  [ ${#started[@]} = 0 ] || [ -n "${E2E_KEEP:-}" ] || "$cluster" down "${started[@]}" >&2 || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# A shell that waits for a command in the foreground does not hear signals.
interruptible() {
  "$@" &
  children=($!)
  wait $!
  children=()
}

install() { # a database
  interruptible go run ./hack/devdb up "$@" >/dev/null
  interruptible go run ./hack/devdb down
}

code=0
step "build; the witness by itself"
(cd e2e && go test -c -o "$work/e2e.test" ./scenario && go test -count=1 -json ./witness) >"$work/json" || code=1
[ -x "$work/e2e.test" ] || exit 1

# refresh NAME: brings today's images into a cluster that is up.
refresh() {
  local i
  for i in mongogate worker busybox servers; do
    [ -e "$images/$i.tar" ] || continue
    "$cluster" ctr "$1" images import "$images/$i.tar" >/dev/null 2>&1 || { echo "e2e: cluster $1 takes no images: is it up?" >&2; return 1; }
  done
}
# up NAME INDEX [GATES]: a cluster in the background; one that is there already is used with E2E_KEEP, and else left alone.
up() {
  if ! "$cluster" alive "$1"; then
    started+=("$1")
    "$cluster" up "$@" &
  elif [ -n "${E2E_KEEP:-}" ]; then
    refresh "$1" &
  else
    echo "e2e: there is a cluster $1 already: E2E_KEEP=1 uses it, '$cluster down $1' removes it" >&2
    exit 69
  fi
  children+=($!)
}
enter=
if [ -z "$given" ]; then
  [ "$(id -u)" = 0 ] || { echo "e2e: clusters of our own need root; or set E2E_KUBECONFIGS" >&2; exit 69; }
  # The first start of a database installs it, which it could not from inside. Sign-in is tried on SecantusDB.
  if ! go run ./hack/devdb uri >/dev/null 2>&1; then
    [ -n "${MONGOGATE_TEST_URI:-}" ] || install
    install -kind secantus
  fi
  hack/kube/packages.sh
  KUBE_BIN=${KUBE_BIN:-$(hack/kube/build.sh)}
  images=${MONGOGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mongogate}/kube/images
  KUBE_IMAGES=$images
  export KUBE_BIN KUBE_IMAGES
  interruptible hack/kube/images.sh "$KUBE_BIN" "$images" >/dev/null
  [ ! -e "$images/servers.tar" ] || export E2E_SERVERS_IMAGE=mongogate.test/servers:1
  step clusters
  up a 1
  up b 2 ContainerRestartRules=false,RestartAllContainersOnContainerExits=false
  for c in "${children[@]}"; do wait "$c"; done
  children=()
  E2E_KUBECONFIGS=$("$cluster" kubeconfig a),$("$cluster" kubeconfig b)
  export E2E_KUBECONFIGS E2E_OWNED=1 E2E_HOST_ADDRESS=10.210.0.1
  enter="nsenter --net=/run/netns/mongogate --"
fi

# pass NAME ARGUMENTS...: runs tests, shows how each ends, and keeps what they said.
pass() {
  local name=$1 out=$work/$1.out
  shift
  step "$name"
  touch "$out"
  (cd e2e/scenario && exec $enter "$work/e2e.test" -test.v=test2json -test.count=1 -test.timeout 60m -test.parallel 500 "$@") >"$out" 2>&1 &
  children=($!)
  tail -n +1 -f --pid=$! "$out" | grep -a --line-buffered -o -e '--- [A-Z]*: .*' -e '^[a-z]*: .*' &
  wait "${children[0]}" || { [ $? != 3 ] || blind=1; failed=1; }
  wait
  children=()
  go tool test2json -t -p "e2e/$name" <"$out" >>"$work/json"
}
export E2E_FIGURES=$work/figures
touch "$E2E_FIGURES"
names=$(cd e2e/scenario && "$work/e2e.test" -test.list "$pattern")
among=$(grep -v '^TestAlone' <<<"$names" | paste -sd'|' || true)
alone=$(grep '^TestAlone' <<<"$names" | paste -sd'|' || true)
failed=0
blind= # a suite whose witness did not look for too long ends with 3
[ -z "$among" ] || pass together -test.run "^($among)\$"
[ -z "$alone" ] || pass alone -test.run "^($alone)\$"

# Bounds of time depend on how busy the machine is. A few that failed may show it
# once more without the others beside them; two workloads at once, a lost run or one without the lock may not.
again=$(go run ./hack/testreport -worth-another 3 <"$work/json")
if [ -n "$again" ]; then
  pass again -test.run "^($again)\$"
else
  code=$((code | failed))
fi

step report
[ -z "$blind" ] || code=1 # what was not seen does not get better when it runs again
go run ./hack/testreport -floor "$floor" -again e2e/again <"$work/json" || code=1
exit "$code"

#!/usr/bin/env bash
# Real single-node Kubernetes clusters on this machine, for tests: own kubelet,
# own containerd, own namespaces, no Docker and no registry. Needs root and Linux.
#
#   cluster.sh up NAME INDEX [GATES]   start a new one; INDEX 1..200 picks its addresses,
#                                      GATES are feature gates, "A=false,B=true"
#   cluster.sh down NAME... | --all    end it and remove everything
#   cluster.sh stop NAME               kill everything at once, keep the data: a power cut
#   cluster.sh start NAME              start it again with its data
#   cluster.sh hold NAME COMPONENT     SIGKILL a component and keep it down
#   cluster.sh release NAME COMPONENT  let it start again
#   cluster.sh restart NAME COMPONENT [SIGNAL]
#   cluster.sh exec NAME COMMAND...    run a command on the node
#   cluster.sh k NAME ARGUMENTS...     kubectl
#   cluster.sh ctr NAME ARGUMENTS...   containerd's client
#   cluster.sh alive NAME              exit code 0 if it is up
#   cluster.sh kubeconfig NAME         print where the administrator's kubeconfig is
#   cluster.sh mem NAME                memory of components and pods
#
# The node of a cluster is 10.210.INDEX.2, its pods are 10.244.INDEX.0/24, services
# 10.96.0.0/16. All clusters meet in the network namespace "mongogate", where what
# listens on 10.210.0.1 is reached by this machine (nsenter --net=/run/netns/mongogate)
# and by the pods of every cluster alike. Nothing has a way out.
#
# Variables: MONGOGATE_CACHE (default ~/.cache/mongogate), KUBE_BIN and KUBE_IMAGES
# (directories; made by build.sh and images.sh if not given).
set -euo pipefail
. "$(dirname "$0")/common.sh"
runs=$cache/run

usage() {
  sed -n '2,/^set -e/p' "$0" | sed '$d; s/^# \{0,1\}//'
  exit 64
}
dirOf() {
  [[ ${1:-} =~ ^[a-z][a-z0-9-]*$ ]] || fail "a cluster's name is lower case letters, digits and dashes, not '${1:-}'"
  echo "$runs/$1"
}
alive() { [ -e "$1/init.pid" ] && kill -0 "$(cat "$1/init.pid")" 2>/dev/null; }
bin() { echo "${KUBE_BIN:-$("$kube/build.sh")}"; }
enter() { # NAME COMMAND...
  local dir
  dir=$(dirOf "$1")
  shift
  alive "$dir" || fail "the cluster is not up"
  exec nsenter -t "$(cat "$dir/init.pid")" -n -m -p -u -i -- "$@"
}
kubectl() { # NAME ARGUMENTS...
  local dir
  dir=$(dirOf "$1")
  shift
  nsenter --net="/run/netns/$netns" "$(cat "$dir/bin")/kubectl" --kubeconfig "$dir/kubeconfig/admin" "$@"
}

# The switch that connects all clusters; made by the first, removed after the last.
network() (
  exec 8>"$cache/network.lock" # two clusters may begin at once
  flock 8
  [ -e "/run/netns/$netns" ] || ip netns add "$netns"
  ip -n "$netns" link set lo up
  ! ip -n "$netns" link show meet >/dev/null 2>&1 || exit 0
  ip -n "$netns" link add meet type bridge
  ip -n "$netns" addr add "$meet/16" dev meet
  ip -n "$netns" link set meet up
)

# The kubelet changes these for the whole machine; the last cluster to go puts them back.
sysctls="vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes"
cgroups() { # NAME: made by hand, for two kubelets must not see each other's
  local c g f
  for c in $controllers; do
    for g in "mongogate-$1" "mongogate-$1/sys"; do
      mkdir -p "/sys/fs/cgroup/$c/$g"
      [ "$c" = cpuset ] || continue
      for f in cpus mems; do cat "/sys/fs/cgroup/cpuset/cpuset.$f" >"/sys/fs/cgroup/cpuset/$g/cpuset.$f"; done
    done
  done
  # What else this machine does (a build, the tests themselves) is no fault that a scenario is about.
  echo 8192 >"/sys/fs/cgroup/cpu/mongogate-$1/cpu.shares"
}

launch() { # NAME
  local name=$1 dir index bin images gates parent pid
  dir=$(dirOf "$name")
  index=$(cat "$dir/index") bin=$(cat "$dir/bin") images=$(cat "$dir/images") gates=$(cat "$dir/gates")
  [ -d /sys/fs/cgroup/memory ] || fail "this script needs cgroup version 1; point E2E_KUBECONFIGS at clusters of your own"
  network
  [ -e "$runs/.sysctl" ] || sysctl $sysctls >"$runs/.sysctl"
  cgroups "$name"
  rm -f "$dir/network"
  setsid unshare --net --mount --pid --uts --ipc --fork --mount-proc --propagation slave -- \
    "$kube/node.sh" "$name" "$index" "$dir" "$bin" "$images" "$gates" \
    >>"$dir/logs/node.log" 2>&1 </dev/null 9>&- &
  parent=$!
  # Its only child, for nothing is expanded in the line above: that would be a child too, for a moment.
  for _ in $(seq 100); do
    pid=$(pgrep -P $parent || true)
    [ -z "$pid" ] || break
    sleep 0.05
  done
  [ -n "$pid" ] || fail "no namespaces for $name: $(tail -3 "$dir/logs/node.log")"
  echo "$pid" >"$dir/init.pid"
  ip link add "kl$index" type veth peer name up0 netns "$pid"
  ip link set "kl$index" netns "$netns"
  ip -n "$netns" link set "kl$index" master meet up
  ip -n "$netns" route replace "10.244.$index.0/24" via "10.210.$index.2"
  touch "$dir/network"

  within 120 "the API server of $name" ready "$name"
  within 120 "the node of $name" kubectl "$name" get node "$name"
  kubectl "$name" wait --for=condition=Ready "node/$name" --timeout=120s >/dev/null
  within 60 "the ServiceAccount default of $name" kubectl "$name" -n default get serviceaccount default
  kubectl "$name" taint node "$name" node.kubernetes.io/not-ready- >/dev/null 2>&1 || true
}
ready() { kubectl "$1" get --raw /readyz; }
within() { # SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || fail "$what is not there in time; logs are in $runs/*/logs"
    sleep 0.1
  done
}

up() {
  local name=$1 index=$2 gates=${3:-} dir begun=$SECONDS
  dir=$(dirOf "$name")
  [[ $index =~ ^[0-9]+$ && $index -ge 1 && $index -le 200 ]] || fail "an index is a number from 1 to 200, not '$index'"
  ! alive "$dir" || fail "$name is up already"
  rm -rf "$dir"
  mkdir -p "$dir/logs" "$dir/etcd" "$dir/var-lib" "$dir/var-log"
  bin >"$dir/bin"
  echo "${KUBE_IMAGES:-$cache/images}" >"$dir/images"
  [ -n "${KUBE_IMAGES:-}" ] || "$kube/images.sh" "$(cat "$dir/bin")" "$cache/images" >&2
  echo "$index" >"$dir/index"
  echo "$gates" >"$dir/gates"
  "$kube/pki.sh" "$dir" "$name" "10.210.$index.2"
  "$kube/conf.sh" "$dir" "$name" "$index" "$(cat "$dir/bin")" "$gates"
  launch "$name"
  log "$name is up after $((SECONDS - begun)) s"
}

kill9() { # NAME: PID 1 of the process namespace; the kernel ends all the others
  local dir pid
  dir=$(dirOf "$1")
  alive "$dir" || return 0
  pid=$(cat "$dir/init.pid")
  kill -KILL "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  rm -f "$dir/init.pid"
  ip -n "$netns" link delete "kl$(cat "$dir/index")" 2>/dev/null || true
}

down() {
  local name=$1 dir c
  dir=$(dirOf "$name")
  kill9 "$name"
  for c in $controllers unified; do
    for _ in $(seq 50); do
      [ -d "/sys/fs/cgroup/$c/mongogate-$name" ] || break
      find "/sys/fs/cgroup/$c/mongogate-$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [ ! -d "/sys/fs/cgroup/$c/mongogate-$name" ] || sleep 0.1
    done
  done
  rm -rf "$dir"
  if ! ls "$runs"/*/ >/dev/null 2>&1; then
    [ ! -e "$runs/.sysctl" ] || sysctl -q -p "$runs/.sysctl"
    rm -f "$runs/.sysctl"
    ip netns delete "$netns" 2>/dev/null || true
  fi
}

[ $# -ge 1 ] || usage
verb=$1
shift
mkdir -p "$runs"
case $verb in
up)
  [ $# -ge 2 ] || usage
  up "$@"
  ;;
down)
  [ $# -ge 1 ] || usage
  [ "$1" != --all ] || set -- $(cd "$runs" && ls)
  for name in "$@"; do down "$name"; done
  ;;
stop) kill9 "$1" ;;
start)
  begun=$SECONDS
  ! alive "$(dirOf "$1")" || fail "$1 is up already"
  launch "$1"
  log "$1 is up again after $((SECONDS - begun)) s"
  ;;
hold)
  # The loop of node.sh looks for the file before it starts the component again.
  enter "$1" sh -c 'touch "/run/hold-$1"; kill -KILL "$(cat "/run/$1.pid")"; while [ -e "/run/$1.pid" ]; do sleep 0.05; done' sh "$2"
  ;;
release) enter "$1" rm -f "/run/hold-$2" ;;
restart) enter "$1" sh -c 'kill -"$2" "$(cat "/run/$1.pid")"' sh "$2" "${3:-TERM}" ;;
exec) enter "$@" ;;
ctr)
  name=$1
  shift
  enter "$name" "$(cat "$(dirOf "$name")/bin")/ctr" -a /run/containerd/containerd.sock -n k8s.io "$@"
  ;;
k) kubectl "$@" ;;
alive) alive "$(dirOf "$1")" ;;
kubeconfig) echo "$(dirOf "$1")/kubeconfig/admin" ;;
mem)
  g=/sys/fs/cgroup/memory/mongogate-$1
  for p in $(cat "$g/sys/cgroup.procs"); do
    awk '/^Name:/ {n = $2} /^VmRSS:/ {printf "%-26s %d MiB\n", n, $2 / 1024}' "/proc/$p/status"
  done | sort -k2 -n -r
  awk '/^total_rss / {printf "all components and pods    %d MiB\n", $2 / 1048576}' "$g/memory.stat"
  ;;
*) usage ;;
esac

# What the scripts of this directory share. To be sourced.
# shellcheck shell=bash
kube=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MONGOGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mongogate}/kube
# The network namespace in which the clusters meet: databases, proxies and
# witnesses listen there on $meet, which pods of every cluster reach alike.
netns=mongogate
meet=10.210.0.1
controllers="cpu cpuacct cpuset memory devices freezer blkio pids systemd"

log() { printf 'kube: %s\n' "$*" >&2; }
fail() {
  log "$*"
  exit 1
}

#!/usr/bin/env bash
# Sees that the programs are there that clusters need beside what build.sh makes:
# installs them with apt-get where that is possible, else says which are missing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

missing=()
# needs PACKAGE PROGRAM-OR-FILE
needs() { command -v "$2" >/dev/null || [ -e "$2" ] || missing+=("$1"); }
needs gcc gcc
needs pkg-config pkg-config
needs libseccomp-dev /usr/include/seccomp.h
needs iproute2 ip
needs nftables nft
needs iptables iptables
needs conntrack conntrack
needs procps pgrep
needs openssl openssl
needs curl curl
needs util-linux nsenter
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
  fail "these packages (by Debian's names) have to be installed: ${missing[*]}"
mkdir -p "$cache"
log "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$cache/packages.log" 2>&1; then
  tail -5 "$cache/packages.log" >&2
  fail "cannot install ${missing[*]}"
fi

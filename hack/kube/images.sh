#!/usr/bin/env bash
# Makes the images that the clusters need as archives for `ctr -n k8s.io images import`:
#
#   images.sh BIN_DIR OUT_DIR      BIN_DIR is what build.sh has printed; VERSION is the product's version, dev by default
#
# and prints their paths. Archives that are up to date are left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
bin=$(realpath "$1") out=$2
mkdir -p "$out"
out=$(realpath "$out")

# Debian's busybox-static, unpacked and not installed: that needs no root and changes nothing on this machine.
busybox=$out/work/busybox
download() { apt-get -qq -o APT::Sandbox::User="$(id -un)" download busybox-static >&2; }
if [ ! -x "$busybox" ]; then
  deb=$out/work/deb
  rm -rf "$deb"
  mkdir -p "$deb"
  if ! (cd "$deb" && { download 2>/dev/null || { apt-get -qq update >&2 && download; }; }); then
    echo "images: cannot download Debian's busybox-static, see above" >&2
    exit 1
  fi
  dpkg-deb --extract "$deb"/*.deb "$deb"
  mv "$deb/bin/busybox" "$busybox"
  rm -rf "$deb"
fi

cd "$repo/hack/image"
exec go run ./testimages -source "$repo" -bin "$bin" -busybox "$busybox" -out "$out" -version "${VERSION:-dev}"

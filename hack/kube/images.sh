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

# Real servers and all that they need, of Debian's packages, in a directory of their own (320 MB; 155 MB are downloaded).
# Where they cannot be had there is no image of them, and what needs it is skipped.
servers=$out/work/servers
if [ ! -e "$servers/.whole" ]; then
  debs=$out/work/debs
  rm -rf "$servers" "$debs"
  mkdir -p "$servers" "$debs/partial"
  : >"$debs/status" # nothing is installed in there
  if apt-get -qq -y -o APT::Sandbox::User="$(id -un)" -o Dir::State::status="$debs/status" -o Dir::Cache::archives="$debs" \
    install --no-install-recommends --download-only nginx postgresql default-jre-headless python3 dash coreutils >"$debs/log" 2>&1; then
    for deb in "$debs"/*.deb; do
      case ${deb##*/} in # what only scripts of packages, fonts and compilers in the database need
        perl* | *-perl_* | libperl* | libllvm* | libz3* | locales* | fonts* | libc-l10n* | libharfbuzz* | libglib* | dpkg_* | libavahi* | ca-certificates*) ;;
        *) dpkg-deb --extract "$deb" "$servers" ;;
      esac
    done
    rm -rf "$servers"/usr/share/{doc,man,locale,info,bash-completion} "$servers"/usr/lib/postgresql/*/lib/bitcode "$servers"/dev "$servers"/proc "$servers"/sys
    touch "$servers/.whole"
  else
    echo "images: no image of servers: $(tail -1 "$debs/log")" >&2
    rm -rf "$servers"
  fi
  rm -rf "$debs"
fi

cd "$repo/hack/image"
exec go run ./testimages -source "$repo" -bin "$bin" -busybox "$busybox" -servers "$servers" -out "$out" -version "${VERSION:-dev}"

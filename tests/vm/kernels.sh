#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Kernels to boot, from Debian's packages:
#
#   kernels.sh [-u] DIR
#
# Unpacks into DIR the newest cloud kernel of each series that is not there yet
# (-u: also where an older one is), about 75 MB each, and prints their
# directories, oldest series first. A series that can't be had is one line
# "SKIP: reason".
#
# Takes them from the archive that this machine's apt has Debian from, with a
# state of its own: neither root nor a change of the machine is needed.
set -euo pipefail

SERIES='5.10 6.1 6.12 6.18 7'
# Where they are: 5.10, 6.1, 6.12, and what is newer.
SUITES='bullseye bookworm bookworm-backports trixie trixie-backports'
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

UPDATE=
if [[ ${1:-} == -u ]]; then
  UPDATE=1
  shift
fi
DIR=$(realpath -m "${1:?DIR}")

say() {
  printf '%s\n' "$*" >&2
}

# newest PATTERN: the last by version of what is on the input.
newest() {
  grep -E "^$1" | sort -V | tail -n 1 || true
}

have() {
  find "$DIR" -mindepth 1 -maxdepth 1 -name '[0-9]*' -printf '%f\n' | newest "${1//./\\.}\."
}

# ---------------------------------------------------------------- apt

debian_archive() {
  # shellcheck disable=SC2016 # apt's own
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    grep -m 1 '/debian/*$' || true
}

# A private apt state in $APT, with all suites.
prepare_apt() {
  local archive suite
  command -v apt-get >/dev/null || return 1
  archive=$(debian_archive)
  [[ -n $archive && -e $KEYRING ]] || return 1
  mkdir -p "$APT"/{state/lists/partial,cache/archives/partial,packages}
  : >"$APT/status"
  for suite in $SUITES; do
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$archive" "$suite"
  done >"$APT/sources.list"
  cat >"$APT/conf" <<EOT
Dir::State "$APT/state";
Dir::State::status "$APT/status";
Dir::Cache "$APT/cache";
Dir::Etc::sourcelist "$APT/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "";
EOT
  export APT_CONFIG=$APT/conf
  # A suite may be missing here and there; the others serve.
  apt-get -qq update >&2 || true
}

# The version of the newest package of a series.
offered() {
  apt-cache --names-only search "^linux-image-${1//./\\.}\..*-cloud-amd64\$" |
    sed -n 's/^linux-image-\([0-9][^ ]*\) .*/\1/p' | newest "${1//./\\.}\."
}

# Newer packages come in two: the image, and the modules.
packages_of() {
  local p
  for p in "linux-image-$1" "linux-binary-$1" "linux-modules-$1"; do
    if apt-cache show --no-all-versions "$p" >/dev/null 2>&1; then
      printf '%s\n' "$p"
    fi
  done
}

unpack() {
  local version=$1 names package
  mapfile -t names < <(packages_of "$version")
  say "fetching kernel $version"
  rm -rf "$APT/packages" "$APT/unpacked"
  mkdir -p "$APT/packages" "$APT/unpacked"
  (cd "$APT/packages" && apt-get -qq download "${names[@]}" >&2)
  for package in "$APT"/packages/*.deb; do
    dpkg-deb -x "$package" "$APT/unpacked"
  done
  # In one step: what is there is whole.
  mv "$APT/unpacked" "$DIR/$version"
}

# ---------------------------------------------------------------- all of them

fetch() {
  local series=$1 version
  if [[ -z $PREPARED ]]; then
    prepare_apt || return 1
    PREPARED=1
  fi
  version=$(offered "$series")
  [[ -n $version ]] || return 1
  [[ -d $DIR/$version ]] || unpack "$version"
}

main() {
  local series version
  mkdir -p "$DIR"
  APT=$DIR/.apt PREPARED=
  for series in $SERIES; do
    version=$(have "$series")
    if [[ -z $version || -n $UPDATE ]]; then
      fetch "$series" || true
      version=$(have "$series")
    fi
    if [[ -n $version ]]; then
      printf '%s\n' "$DIR/$version"
    else
      printf 'SKIP: no kernel %s: it takes apt with an archive of Debian that has it\n' "$series"
    fi
  done
  rm -rf "$APT/packages" "$APT/unpacked" "$APT/cache"
}

main

#!/bin/bash
# Usage: install_packages.sh SET...: installs what is missing of the sets `product`, `tests`,
# `lint`, `ci` on Debian 12 or Ubuntu 24.04. Does not call apt when nothing is missing.
set -euo pipefail

release() {
  # shellcheck disable=SC1091
  (. /etc/os-release 2>/dev/null && echo "${ID:-unknown}-${VERSION_ID:-0}") || echo unknown
}

# Debian 12's default Boost is 1.74; coroutines on Asio need 1.81.
boost_package() {
  case $(release) in
    debian-12) echo libboost1.81-dev ;;
    *) echo libboost-dev ;;
  esac
}

# Debian 12's default clang-tidy, 14, does not know <source_location>.
clang_tidy_package() {
  case $(release) in
    debian-12) echo clang-tidy-19 ;;
    *) echo clang-tidy ;;
  esac
}

packages_of() {
  case $1 in
    product)
      echo g++ cmake ninja-build pkg-config "$(boost_package)" libssl-dev rapidjson-dev \
        libexpected-dev libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev \
        prometheus-cpp-dev libpcre2-dev libutf8proc-dev zlib1g-dev ;;
    tests) echo libgtest-dev libgmock-dev python3 git ;;
    lint) echo clang-format-14 "$(clang_tidy_package)" python3 git ;;
    ci) echo clang-19 lld-19 libclang-rt-19-dev python3-venv curl ccache ;;
    *) echo "install_packages.sh: no set is named '$1'" >&2 && exit 2 ;;
  esac
}

installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "not root and no sudo here; run as root: $*" >&2
    exit 1
  fi
}

main() {
  if ! command -v dpkg-query >/dev/null; then
    echo "no dpkg here: install the packages listed in README.md by hand" >&2
    return 0
  fi
  local missing=() set_name package
  for set_name in "$@"; do
    for package in $(packages_of "$set_name"); do
      installed "$package" || missing+=("$package")
    done
  done
  if [ ${#missing[@]} = 0 ]; then
    return 0
  fi
  echo "installing missing system packages: ${missing[*]}"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

main "$@"

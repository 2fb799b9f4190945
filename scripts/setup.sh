# Sourced by scripts/run and scripts/test: Python, Debian's packages, the virtual environment `.venv`.
# shellcheck shell=bash

DATA=${VEDFOLNIR_DATA_DIR:-var}
SETUP_LOG=$DATA/setup.log

say() {
  printf '%s\n' "$*"
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Run quietly; on failure show the end of what it said.
quietly() {
  [ -d "$DATA" ] || mkdir -p -m 700 "$DATA" || exit 1
  if ! "$@" </dev/null >>"$SETUP_LOG" 2>&1; then
    tail -n 20 "$SETUP_LOG" >&2
    say "This failed: $*" >&2
    say "All of its output: $SETUP_LOG" >&2
    return 1
  fi
}

what_to_install() {
  cat >&2 <<'EOF'
Vedfolnir needs Python 3.11 or newer with the module venv:
  Debian 12, Ubuntu 24.04 or newer   apt-get install python3 python3-venv
  Fedora                             dnf install python3
  Arch                               pacman -S python
  openSUSE                           zypper install python312
  macOS (Homebrew)                   brew install python@3.12
A Python in another place: PYTHON=/path/to/python3.12 scripts/run
EOF
  exit 1
}

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The Python that PYTHON names, else the first that is new enough, in PYTHON.
find_python() {
  local candidate
  if [ -n "${PYTHON-}" ]; then
    is_new_enough "$PYTHON" && return
    fail "PYTHON names $PYTHON, which is no Python 3.11 or newer that can be run. Correct it, or unset it to have one found."
  fi
  for candidate in python3 python3.13 python3.12 python3.11; do
    if is_new_enough "$candidate"; then
      PYTHON=$candidate
      return
    fi
  done
  what_to_install
}

can_install() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Which of the packages named are not installed?
missing_packages() {
  local package
  for package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

POLICY=/usr/sbin/policy-rc.d

remove_policy() {
  as_root rm -f "$POLICY"
}

# Install what is missing of the packages named, and start no server by it: a package that brings one would.
install_packages() {
  local missing guarded='' status=0
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian packages: ${missing[*]}"
  if [ ! -e "$POLICY" ]; then
    guarded=yes
    trap remove_policy EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
  fi
  quietly as_root apt-get update -qq || say "Going on with the package lists that are here."
  quietly as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" || status=$?
  if [ -n "$guarded" ]; then
    remove_policy
    trap - EXIT
  fi
  return "$status"
}

# Debian keeps the part of Python that makes virtual environments in a package of its own.
need_venv_module() {
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null && return
  if can_install; then
    install_packages "$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" || true
  fi
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || what_to_install
}

# One word that changes when the files named or the Python change.
fingerprint() {
  "$PYTHON" - "$@" <<'EOF'
import hashlib, pathlib, sys
content = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(hashlib.sha256(content + sys.version.encode()).hexdigest())
EOF
}

# is_installed KIND FILE...: was KIND (runtime, dev) installed from these very files by this very Python?
is_installed() {
  local kind=$1
  shift
  [ -x .venv/bin/python ] && [ "$(cat ".venv/installed-$kind" 2>/dev/null)" = "$(fingerprint "$@")" ]
}

mark_installed() {
  local kind=$1
  shift
  fingerprint "$@" >".venv/installed-$kind"
}

# An environment to install into. What an older list of requirements left behind goes; a healthy one that other hands
# made (no mark in it) stays and is brought up to date.
need_venv() {
  if [ -e .venv/installed-runtime ] && ! is_installed runtime requirements.txt; then
    say "The requirements or the Python changed: building .venv anew"
    rm -rf .venv
  elif ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf .venv
  fi
  [ -x .venv/bin/python ] || { need_venv_module && quietly "$PYTHON" -m venv .venv; } || exit 1
}

pip_install() {
  quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

has_nvidia() {
  [ -e /dev/nvidiactl ] || command -v nvidia-smi >/dev/null
}

# torch, where no NVIDIA card is: from TORCH_INDEX_URL, PyTorch's own index with its build for processors.
install_torch_for_processors() {
  if [ -z "${TORCH_INDEX_URL:-}" ]; then
    say "No NVIDIA card is here, and PyTorch's general build may bring gigabytes for graphics cards: to avoid that, set TORCH_INDEX_URL to the address of PyTorch's index for processors, which its installation page names."
    return
  fi
  pip_install --no-deps --extra-index-url "$TORCH_INDEX_URL" --retries 1 \
    "$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements-local.txt)"
}

# install_local KIND FILE...: torch, transformers and what FILEs name beside them, unless they are there. Fails where
# they cannot be had.
install_local() {
  local kind=$1
  shift
  is_installed "$kind" requirements.txt "$@" && return
  say "Installing what models in this process need into .venv (about 400 MB to fetch; with an NVIDIA card, some GB)"
  if [ "$(uname -s)" = Linux ] && ! has_nvidia; then
    install_torch_for_processors || return 1
  fi
  local file
  for file; do
    pip_install -r "$file" || return 1
  done
  ! has_nvidia || pip_install "$(sed -n 's/.*pip install \(torchvision==[^ ]*\)$/\1/p' requirements-local.txt)" || return 1
  mark_installed "$kind" requirements.txt "$@"
}

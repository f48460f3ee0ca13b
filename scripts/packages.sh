# shellcheck shell=bash
# Debian packages that the scripts need, and how they are installed. Sourced, not run.

# shellcheck disable=SC2034 # the scripts that source this file use them
TEST_PACKAGES=(
    python3 python3-flask python3-django python3-fastapi python3-starlette python3-tornado python3-falcon python3-bottle
    python3-pyramid python3-cherrypy3 python3-wsproto python3-websockets python3-uvloop python3-gevent
    python3-gevent-websocket python3-eventlet pypy3 python3-prometheus-client
    shellcheck pyflakes3 pycodestyle
    gcc libc6-dev wrk slowhttptest nghttp2-client openssl curl git nginx-light haproxy caddy ca-certificates
    systemd dbus iproute2 procps util-linux
    postgresql python3-psycopg2 gunicorn python3-pastedeploy python3-venv python3-yaml jq
    lintian rpmlint rpm cpio dnf createrepo-c apt-utils gnupg polkitd
    apparmor mandoc file zsh fish chromium
)
# shellcheck disable=SC2034
BENCH_PACKAGES=(
    python3 gunicorn uwsgi-core uwsgi-plugin-python3 wrk nghttp2-client openssl procps gcc libc6-dev nginx-light
    python3-uvicorn python3-uvloop python3-httptools python3-gevent python3-flask python3-fastapi
)

# as_root COMMAND... runs a command as root, by sudo where the caller is not.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        echo "${0##*/}: not root and no sudo; install these yourself, or pass --no-install: ${missing[*]}" >&2
        return 1
    fi
}

# install_packages NAME... installs those that are not there, with no recommended ones beside them.
install_packages() {
    local missing=() name
    if ! command -v dpkg-query >/dev/null; then
        echo "${0##*/}: not a Debian system; install what these packages hold, and pass --no-install: $*" >&2
        return 1
    fi
    for name in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -q >/dev/null
    as_root apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}

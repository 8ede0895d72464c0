#!/usr/bin/env bash
# Builds the image, runs it as docker-compose.yml does, posts a clip to it and stops it again.
# Usage: deploy/container.sh [CLIP]; without a clip one is drawn.
#
# Needs `make setup`, and a running docker or, on Debian as root, buildah and debootstrap. What
# these two keep lies in ${XDG_CACHE_HOME:-~/.cache}/driver-activity; the rest goes with the script.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
image=driver-activity
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "container: error: $*" >&2
    exit 1
}

# The build reaches its package registry the way that pip does here.
build_options=()
add_secret() {
    if [ -r "$2" ]; then build_options+=(--secret "id=$1,src=$2"); fi
}
add_secret pip_conf "${PIP_CONFIG_FILE:-/etc/pip.conf}"
add_secret ca_bundle "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}"
if [ -n "${PIP_INDEX_URL:-}" ]; then build_options+=(--build-arg PIP_INDEX_URL); fi

if docker info >"$work/docker.log" 2>&1; then
    source deploy/engine_docker.sh
else
    source deploy/engine_buildah.sh
fi

check_engine
trap 'remove_service; rm -rf "$work"' EXIT
build_image
# The file of keys has only hashes; the user in the image may read it.
mkdir "$work/keys"
key=$("$python" -m app key add check --scopes predict,admin --keys-file "$work/keys/keys.jsonl")
chmod a+r "$work/keys/keys.jsonl"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
start_service "$port"
"$python" -m tests.deploy.check_service --key "$key" "http://127.0.0.1:$port" "$@"

[ "$(service_user)" != 0 ] || fail "the service runs as root"
capabilities=$(service_status | sed -n 's/^CapEff:\t*//p')
[ "$((16#$capabilities))" = 0 ] || fail "the service has capabilities: $capabilities"
privileged=$(run_in_service find / -xdev -type f -perm /6000)
[ -z "$privileged" ] || fail "files give rights to whoever runs them: $privileged"
if run_in_service touch /srv/probe 2>"$work/probe.log"; then fail "the root is not read-only"; fi
grep -q "Read-only file system" "$work/probe.log" || fail "$(cat "$work/probe.log")"
check_health || fail "the image's own health check fails on a service that is ready"
stop_service || fail "SIGTERM ended the service with status $?, not 0"
echo "container: $image, $(image_size): answered without root's rights or capabilities on a" \
    "read-only root and ended cleanly on SIGTERM"

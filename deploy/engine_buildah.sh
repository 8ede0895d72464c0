# What deploy/container.sh does with Debian's buildah, which needs no daemon and no registry: the
# base image is made by debootstrap under the name that the Dockerfile's FROM uses.

storage=${XDG_CACHE_HOME:-$HOME/.cache}/driver-activity/buildah
buildah=(env "TMPDIR=$work" buildah --root "$storage" --runroot "$work/run" --storage-driver vfs)
base=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' Dockerfile | sort --unique)
runner=

check_engine() {
    [ "$(id --user)" = 0 ] || fail "without a running docker, it has to be run as root"
    command -v buildah >"$work/which.log" && command -v debootstrap >"$work/which.log" ||
        fail "no docker runs, and it needs: apt-get install buildah debootstrap"
    mkdir -p "$storage"
}

make_base() {
    echo "container: making the base image $base"
    local container root mirror
    container=$("${buildah[@]}" from scratch)
    root=$("${buildah[@]}" mount "$container")
    mapfile -t mirror < <(find_mirror)
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
        bookworm "$root" "${mirror[@]}" >"$work/debootstrap.log" ||
        fail "$(tail "$work/debootstrap.log")"
    ln -s python3 "$root/usr/bin/python"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    "${buildah[@]}" commit --quiet --rm "$container" "$base"
}

find_mirror() { # the one that apt uses here; none where apt knows no bookworm
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' |
        sed -n 1p
}

build_image() {
    "${buildah[@]}" rm --all >"$work/remove.log" # what a run left that was killed
    "${buildah[@]}" inspect --type image "$base" >"$work/inspect.log" 2>&1 || make_base
    "${buildah[@]}" build --isolation chroot --pull-never --format docker --tag "$image" \
        "${build_options[@]}" .
    "${buildah[@]}" rmi --prune >"$work/prune.log"
}

# buildah cannot run a container read-only, but it runs one in a root that is mounted read-only, if
# the files that it mounts over are there. At the end it removes one of them, in /run, so that this
# folder stays writable, for root.
read_only='
    mount --bind "$1" "$1"
    mount -o remount,bind,ro "$1"
    mount -t tmpfs -o mode=755 tmpfs "$1/run"
    exec "${@:2}"'

start_service() { # PORT
    local container root command
    container=$("${buildah[@]}" from --pull-never "$image")
    root=$("${buildah[@]}" mount "$container")
    touch "$root/etc/hosts" "$root/etc/resolv.conf" "$root/run/.containerenv"
    mapfile -t command < <(image_list .Docker.Config.Cmd)
    unshare --mount bash -euc "$read_only" bash "$root" "${buildah[@]}" run --isolation chroot \
        --mount type=tmpfs,dst=/tmp --mount type=tmpfs,dst=/records \
        --volume "$work/keys:/keys:ro" --env "DRIVER_ACTIVITY_PORT=$1" \
        "$container" -- "${command[@]}" &
    runner=$!
}

image_list() { # FIELD: the lines of a list in the image's configuration
    "${buildah[@]}" inspect --type image --format "{{range $1}}{{println .}}{{end}}" "$image" |
        sed '/^$/d'
}

service_pid() { # the first process below buildah's own
    local pid=$runner
    while [[ $(<"/proc/$pid/comm") == *buildah* ]]; do
        pid=$(pgrep --parent "$pid") || fail "no process of the image runs"
    done
    echo "$pid"
}

service_user() {
    stat --format %u "/proc/$(service_pid)"
}

service_status() {
    cat "/proc/$(service_pid)/status"
}

run_in_service() { # COMMAND...: as root, who could write if anybody could
    local pid environment
    pid=$(service_pid)
    mapfile -d '' -t environment <"/proc/$pid/environ"
    nsenter --target "$pid" --mount --root --wd -- env --ignore-environment "${environment[@]}" "$@"
}

check_health() {
    local command
    mapfile -t command < <(image_list .Docker.Config.Healthcheck.Test | sed 1d)
    run_in_service "${command[@]}"
}

stop_service() {
    kill -TERM "$(service_pid)"
    local status=0
    wait "$runner" || status=$?
    runner=
    return "$status"
}

remove_service() {
    if [ -n "$runner" ] && kill -0 "$runner"; then
        kill -KILL "$(service_pid)"
        wait "$runner" || true
    fi
    "${buildah[@]}" rm --all >"$work/remove.log"
}

image_size() {
    "${buildah[@]}" images --format '{{.Size}}' "$image"
}

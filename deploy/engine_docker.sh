# What deploy/container.sh does with docker.

container=

check_engine() { :; }

build_image() {
    DOCKER_BUILDKIT=1 docker build --tag "$image" "${build_options[@]}" .
}

start_service() { # PORT
    container=$(docker run --detach --read-only --tmpfs /tmp:noexec,nosuid,nodev \
        --tmpfs /records:mode=1777,noexec,nosuid,nodev --cap-drop ALL \
        --security-opt no-new-privileges --volume "$work/keys:/keys:ro" \
        --publish "127.0.0.1:$1:8000" "$image")
}

service_user() {
    docker exec "$container" id --user
}

service_status() {
    docker exec "$container" cat /proc/1/status
}

run_in_service() { # COMMAND...: as root, who could write if anybody could
    docker exec --user 0 "$container" "$@"
}

check_health() {
    for _ in $(seq 30); do
        case $(docker inspect --format '{{.State.Health.Status}}' "$container") in
            healthy) return 0 ;;
            unhealthy) return 1 ;;
        esac
        sleep 1
    done
    return 1
}

stop_service() {
    docker stop --time 30 "$container" >"$work/stop.log"
    return "$(docker inspect --format '{{.State.ExitCode}}' "$container")"
}

remove_service() {
    if [ -n "$container" ]; then docker rm --force "$container" >"$work/remove.log"; fi
}

image_size() {
    docker images --format '{{.Size}}' "$image"
}

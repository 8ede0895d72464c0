# The service and nothing else: the base dependencies, app/ and models/ with the shipped weights.

FROM docker.io/library/python:3.11-slim-bookworm AS build
# Both secrets are optional: how pip reaches a registry from here, and whose certificates it trusts.
ARG PIP_INDEX_URL
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python -m venv --without-pip /venv
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    python -m pip --python /venv/bin/python install --quiet --constraint constraints.txt .
# OpenVINO brings plugins for hardware that no container of this service has, and readers of
# formats other than ONNX: 75 of its 165 MB.
RUN cd /venv/lib/python3.11/site-packages/openvino/libs \
    && rm -f cache.json libopenvino_intel_gpu_plugin.so libopenvino_intel_npu_plugin.so \
        libopenvino_gguf_frontend.so* libopenvino_jax_frontend.so* libopenvino_paddle_frontend.so* \
        libopenvino_pytorch_frontend.so* libopenvino_tensorflow_frontend.so* \
        libopenvino_tensorflow_lite_frontend.so*
WORKDIR /srv/driver-activity
COPY app app
COPY models models
# Readable by the service's user, however strict the checkout is; and compiled here, because on a
# read-only root Python cannot keep what it compiles at the first start.
RUN chmod -R a+rX . && /venv/bin/python -m compileall -q app models

FROM docker.io/library/python:3.11-slim-bookworm
COPY --from=build /venv /venv
COPY --from=build /srv/driver-activity /srv/driver-activity
# Nobody is served without a key: /keys is where their file is looked for.
RUN install --directory --owner 10001 --group 10001 --mode 750 /records /keys
# Nothing in the image gives rights: su, mount and others keep their files and lose their bits.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DRIVER_ACTIVITY_HOST=0.0.0.0 \
    DRIVER_ACTIVITY_PORT=8000 \
    DRIVER_ACTIVITY_KEYS_FILE=/keys/keys.jsonl \
    DRIVER_ACTIVITY_RECORDS_DIR=/records
WORKDIR /srv/driver-activity
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['DRIVER_ACTIVITY_PORT'] + '/health/ready', timeout=2)"]
CMD ["python", "-m", "app"]

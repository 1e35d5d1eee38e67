# syntax=docker/dockerfile:1
# Give a digest for a build that can be repeated: --build-arg PYTHON=python:3.12-slim-bookworm@sha256:…
ARG PYTHON=python:3.12-slim-bookworm

FROM ${PYTHON} AS builder
WORKDIR /src
RUN python -m venv /opt/router
# The extras kinesis, apprise, otel and re2 too, and no embedded Redis, which is for trying things out.
COPY constraints/image.txt constraints/
RUN /opt/router/bin/pip install --no-cache-dir --require-hashes -r constraints/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY router ./router
COPY rules ./rules
RUN /opt/router/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/router/bin/pip uninstall --yes hatchling editables

FROM ${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent router
COPY --from=builder /opt/router /opt/router
COPY rules /etc/router/rules
ENV PATH=/opt/router/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ROUTER_HOST=0.0.0.0 \
    ROUTER_RULES=/etc/router/rules
USER 10001
EXPOSE 8080 8081 8082
STOPSIGNAL SIGTERM
# Ingress and `router run` answer on 8080, a worker and `router kinesis` on 8081; docker-compose.yml checks
# the port of each role.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import urllib.request as u\nfor p in (8080, 8081):\n  try: u.urlopen(f'http://127.0.0.1:{p}/healthz', timeout=2); raise SystemExit(0)\n  except OSError: pass\nraise SystemExit(1)"]
ENTRYPOINT ["router"]
CMD ["run"]

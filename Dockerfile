# The broker with its adapters. Run it with docker-compose.yml, or:
#   docker build -t aol-data-broker . && docker run --rm aol-data-broker --help

FROM python:3.13-slim AS build
WORKDIR /src
# Dependencies first: they change less often than the code, so their layer is kept. Versions and hashes are locked.
COPY deploy/requirements.lock deploy/
RUN python -m venv /opt/aol \
    && /opt/aol/bin/pip install --no-cache-dir --require-hashes -r deploy/requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY protos protos
COPY broker broker
COPY client client
COPY adapters adapters
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/aol/bin/pip install --no-cache-dir --no-deps /wheels/aol_data_broker-*.whl \
    && /opt/aol/bin/pip check

FROM python:3.13-slim
# A fixed number, so that volumes and `runAsNonRoot` rules can name it.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin aol \
    && install --directory --owner=aol --group=aol --mode=0700 /var/lib/aol
COPY --from=build /opt/aol /opt/aol
COPY deploy/broker.yaml /etc/aol/broker.yaml
ENV PATH=/opt/aol/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/aol
EXPOSE 50051
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["aol", "doctor", "--endpoint", "127.0.0.1:50051"]
ENTRYPOINT ["aol"]
CMD ["serve", "--config", "/etc/aol/broker.yaml"]

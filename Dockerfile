# One image for every process of ours: the hub, the API, a site's workers, the command line, Flower.

FROM python:3.12-slim AS build
WORKDIR /source
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/orchestrator \
    && /opt/orchestrator/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.txt
RUN python -m venv /tmp/build \
    && /tmp/build/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY orchestrator orchestrator
COPY workers workers
RUN /tmp/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/orchestrator/bin/pip install --no-cache-dir --no-deps /tmp/wheel/*.whl

FROM python:3.12-slim
COPY --from=build /opt/orchestrator /opt/orchestrator
# The folders are there, and the user's, so that volumes mounted on them are the user's too.
RUN useradd --uid 10001 --home-dir /var/lib/orchestrator --create-home orchestrator \
    && mkdir -p /data /workspaces /keys/admin /keys/london /keys/paris /var/lib/orchestrator/attachments \
    && chown -R orchestrator: /data /workspaces /keys /var/lib/orchestrator/attachments
ENV PATH=/opt/orchestrator/bin:$PATH PYTHONUNBUFFERED=1
USER orchestrator
WORKDIR /var/lib/orchestrator
CMD ["orchestrator", "--help"]

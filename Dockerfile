# The image of web, workers, beat and migrate; docker-compose.yml gives each its command.

FROM python:3.12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential default-libmysqlclient-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
# For the engine `transformers`, if the image is built with WITH_MODEL=yes. With TORCH_INDEX_URL, the address of PyTorch's
# index for processors (its installation page names it), torch takes 200 MB; its general build brings gigabytes for
# graphics cards.
ARG WITH_MODEL=
ARG TORCH_INDEX_URL=
COPY requirements-local.txt .
RUN if [ -n "$WITH_MODEL" ]; then \
        { [ -z "$TORCH_INDEX_URL" ] || /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps \
            --extra-index-url "$TORCH_INDEX_URL" torch==2.13.0; } \
        && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements-local.txt; \
    fi

FROM python:3.12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /tmp vedfolnir \
    && install -d -o vedfolnir -g vedfolnir -m 750 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    VEDFOLNIR_DATA_DIR=/data \
    STATIC_ROOT=/app/static
WORKDIR /app
COPY . .
# Two values for this one command, stored nowhere: the settings refuse to load without them.
RUN SECRET_KEY=collectstatic PLATFORM_ENCRYPTION_KEY=Y29sbGVjdHN0YXRpYy1vbmx5LW5vdC1hLXNlY3JldCE= \
    python manage.py collectstatic --noinput
USER vedfolnir
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=4 CMD ["python", "scripts/healthcheck.py", "web"]
CMD ["gunicorn", "vedfolnir.wsgi:application", "--bind=0.0.0.0:8000", "--workers=2", "--threads=8", "--worker-tmp-dir=/dev/shm"]

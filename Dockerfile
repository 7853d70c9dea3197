# Tierwise as a server for a team. docs/deploy.md says how to run it; it does not start without a login (TIERWISE_LOGIN).
FROM python:3.12.12-slim-bookworm AS packages
WORKDIR /build
COPY requirements-team.txt .
# the lock is hashed: what is installed is what was tested, whatever the index serves by then
RUN python -m venv /opt/tierwise \
    && /opt/tierwise/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: --no-binary=rouge-score -r requirements-team.txt

FROM python:3.12.12-slim-bookworm
RUN groupadd --gid 10001 tierwise \
    && useradd --uid 10001 --gid tierwise --no-create-home --home-dir /tmp --shell /usr/sbin/nologin tierwise \
    && install -d -o tierwise -g tierwise -m 0700 /data
COPY --from=packages /opt/tierwise /opt/tierwise
WORKDIR /app
COPY app.py run.py ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY pages pages
COPY tierwise tierwise
COPY evalsets evalsets
COPY data/prices.csv data/prices.csv
COPY docs/images docs/images
ENV PATH=/opt/tierwise/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TIERWISE_DATA=/data \
    TIERWISE_LOG=json \
    FORWARDED_ALLOW_IPS=
USER 10001:10001
VOLUME /data
EXPOSE 8501
# starting takes seconds, and a run under way is finished or left to resume within ten
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501"]

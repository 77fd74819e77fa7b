# The gateway and its worker in one image; the command says which. No embedded PostgreSQL, no tools.
FROM python:3.11-slim-bookworm AS build
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE hatch_build.py ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY adapters adapters
COPY core core
COPY reconciliation reconciliation
COPY gateway gateway
COPY sandbox sandbox
COPY demo demo
COPY migrations migrations
COPY tools/__init__.py tools/catalogue.py tools/
RUN uv sync --frozen --no-default-groups --no-editable

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/hocphi --create-home hocphi
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 \
    HOCPHI_HOST=0.0.0.0 HOCPHI_PORT=8000 HOCPHI_HOME=/var/lib/hocphi
USER hocphi
WORKDIR /var/lib/hocphi
VOLUME /var/lib/hocphi
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/live', timeout=3)"]
CMD ["hocphi", "serve"]

# Image of one of our services: docker build --build-arg SERVICE=scorer .
FROM python:3.13-slim AS tools
WORKDIR /build
COPY shared/build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --root-user-action ignore --no-compile --require-hashes --requirement build.lock

# The same for all services: Docker builds it once.
FROM tools AS wheel
COPY shared shared
RUN python -m flit_core.wheel --outdir . shared

FROM tools AS build
ENV UV_LINK_MODE=copy
ARG SERVICE
# Third-party packages, pinned and hashed: these layers are cached until the lock changes. The images are built at the same
# time: each waits for the cache, so that a package which several of them contain is downloaded once.
COPY services/$SERVICE/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv,sharing=locked \
    uv venv --quiet /venv \
 && uv pip install --quiet --python /venv --require-hashes --requirement requirements.lock
# Without the packages' own tests: 50 of the trainer's 400 MB.
RUN find /venv/lib -type d -name tests -prune -exec rm -r {} + && python -m compileall -q -j 0 /venv/lib
# Our own code.
COPY --from=wheel /build/*.whl ./
RUN uv pip install --quiet --offline --no-cache --python /venv --no-deps ./*.whl \
 && python -m compileall -q /venv/lib/python*/site-packages/fraudstream
COPY services/cli/cli /app/cli
COPY services/$SERVICE/$SERVICE /app/$SERVICE
RUN chmod -R go=u-w /app && python -m compileall -q /app

FROM python:3.13-slim
# PYTHONPATH is for the command `fraudstream`.
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
ARG SERVICE
ENV SERVICE=$SERVICE
CMD ["sh", "-c", "exec python -m $SERVICE"]

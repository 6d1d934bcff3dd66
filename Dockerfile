# Image of one of our services: docker build --build-arg SERVICE=scorer .
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /venv
ARG SERVICE
# Third-party packages, pinned and hashed: this layer is cached until the lock changes.
COPY shared/build.lock services/$SERVICE/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement build.lock \
 && pip --python /venv install --require-hashes --requirement requirements.lock
# Our own code.
COPY shared shared
RUN pip wheel --no-deps --no-build-isolation --wheel-dir wheels ./shared \
 && pip --python /venv install --no-deps wheels/*.whl
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

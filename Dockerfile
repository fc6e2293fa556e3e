# Stages: `service` (the default) is the service alone: no torch, no compiler, no root.
# `loadtest` is Locust with the project's locustfile; `train` trains, distils and exports, with torch:
# `docker build --target train -t stillhouse-train .`, and then
# `docker run --user $(id -u):$(id -g) -v $PWD:/work stillhouse-train train ...`.
# What PYTHON=3.13 gains is in docs/experiments.md.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build
# EXTRAS=openvino for STILLHOUSE_BFLOAT16.
ARG EXTRAS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/stillhouse
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE cli.py ./
COPY service service
# The other stages' folders hold the declarations of their commands; their libraries stay out.
COPY training training
COPY export export
COPY loadtest loadtest
RUN /opt/stillhouse/bin/pip install --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM build AS build-loadtest
RUN /opt/stillhouse/bin/pip install --constraint constraints.txt locust

FROM build AS build-train
RUN /opt/stillhouse/bin/pip install --constraint constraints.txt ".[export]"

FROM python:${PYTHON}-slim AS base
RUN useradd --system --uid 10001 --no-create-home stillhouse
ENV PATH=/opt/stillhouse/bin:$PATH PYTHONUNBUFFERED=1

FROM base AS loadtest
COPY --from=build-loadtest /opt/stillhouse /opt/stillhouse
COPY loadtest /loadtest
USER 10001
EXPOSE 8089
CMD ["locust", "-f", "/loadtest/locustfile.py"]

FROM base AS train
COPY --from=build-train /opt/stillhouse /opt/stillhouse
USER 10001
WORKDIR /work
# Caches lie beside what is made, whoever runs it.
ENV HOME=/work
ENTRYPOINT ["stillhouse"]
CMD ["--help"]

FROM base AS service
COPY --from=build /opt/stillhouse /opt/stillhouse
COPY models /models
ENV STILLHOUSE_MODELS=/models STILLHOUSE_HOST=0.0.0.0 STILLHOUSE_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['STILLHOUSE_PORT'] + '/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["stillhouse", "serve"]

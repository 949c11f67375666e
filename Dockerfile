# One image for every part of the architecture; the command says which: `swarm manage`, `swarm agent` …
#   docker build -t swarm .                          manager, agent, registrator
#   docker build -t swarm-router --target router .   the same with a proxy in it
ARG PYTHON=python:3.12-slim

FROM ${PYTHON} AS build
COPY requirements.lock /
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
      --require-hashes --target /opt/swarm -r /requirements.lock
COPY . /opt/swarm
RUN python -m compileall -q /opt/swarm \
 && printf '#!/bin/sh\nexec python -m swarm "$@"\n' > /opt/swarm/bin/swarm \
 && chmod 755 /opt/swarm/bin/swarm

FROM ${PYTHON} AS base
# Official images come without bytecode, and nobody in here may write any later.
RUN python -m compileall -q -x 'ensurepip|idlelib|lib2to3|site-packages|test' \
      "$(python -c 'import os; print(os.path.dirname(os.__file__))')"
COPY --from=build /opt/swarm /opt/swarm
ENV PATH=/opt/swarm/bin:$PATH \
    PYTHONPATH=/opt/swarm \
    PYTHONDONTWRITEBYTECODE=1 \
    HEALTH_URL=http://127.0.0.1:2375/_ping
# Whatever listens at HEALTH_URL speaks for the whole process.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ['HEALTH_URL'], timeout=4)"]
ENTRYPOINT ["swarm"]
CMD ["--help"]

FROM base AS router
ARG PROXY=haproxy
RUN apt-get update \
 && apt-get install -y --no-install-recommends ${PROXY} \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /var/lib/swarm-router \
 && chown 10001:10001 /var/lib/swarm-router
VOLUME /var/lib/swarm-router
USER 10001:10001

# The last stage is what a plain `docker build .` makes. No name is needed for a user that owns nothing.
FROM base AS swarm
USER 10001:10001

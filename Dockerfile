# One image for every part of the architecture; the command says which: `swarm manage`, `swarm agent` …
#   docker build -t swarm .                          manager, agent, registrator
#   docker build -t swarm-router --target router .   the same with HAProxy in it
#                  --build-arg PROXY=nginx           or with Nginx: then run `swarm router --proxy nginx`
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
    PYTHONDONTWRITEBYTECODE=1
# Asks at $SWARM_HEALTH, without it the port of a manager: docker-compose.yml has the others' pages.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["swarm", "health"]
ENTRYPOINT ["swarm"]
CMD ["--help"]

FROM base AS router
ARG PROXY=haproxy
# Debian keeps Nginx's stream module, without which there are no tcp services, in its own package.
RUN case "${PROXY}" in \
      haproxy) packages=haproxy ;; \
      nginx) packages='nginx libnginx-mod-stream' ;; \
      *) echo "PROXY is haproxy or nginx, not '${PROXY}'" >&2; exit 1 ;; \
    esac \
 && apt-get update \
 && apt-get install -y --no-install-recommends ${packages} \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /var/lib/swarm-router \
 && chown 10001:10001 /var/lib/swarm-router
VOLUME /var/lib/swarm-router
USER 10001:10001

# The last stage is what a plain `docker build .` makes. No name is needed for a user that owns nothing
# but the folder where a manager keeps what `docker load` sends while its engines read it: gigabytes
# at times, so with a read-only root it takes a volume, not memory.
FROM base AS swarm
RUN mkdir -p /var/lib/swarm && chown 10001:10001 /var/lib/swarm
ENV TMPDIR=/var/lib/swarm
USER 10001:10001

# Two stages: the first has pip and the build backend, the second only Python and postroom.
# Everything is installed by hash, from the same pins as a checkout uses.

# Another image of the same make will do, such as one out of a registry of your own.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
# For a build that cannot reach the usual package index: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_CERT
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/postroom \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.txt \
 && /opt/build/bin/pip --python /opt/postroom/bin/python3 install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY postroom postroom
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/postroom/bin/python3 install --no-index --no-deps /wheels/*.whl

FROM ${PYTHON_IMAGE}
# The number is fixed, so that the owner of a mounted folder can be set from outside.
RUN groupadd --gid 10001 postroom \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/postroom --shell /usr/sbin/nologin postroom \
 && install -d -o postroom -g postroom -m 0700 /var/lib/postroom
# Nothing that installs or builds: what the Python image brings of it goes too.
RUN rm -rf /usr/local/include /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/*-config \
        /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
        /usr/lib/python3*/ensurepip /usr/share/python-wheels
COPY --from=build /opt/postroom /opt/postroom
ENV PATH=/opt/postroom/bin:$PATH POSTROOM_STATE_DIR=/var/lib/postroom
# A round of the whole thing: it must work, and leaves compiled what uid 10001 could not compile at each start.
RUN postroom demo && rm -rf /root/.cache
USER 10001:10001
WORKDIR /var/lib/postroom
VOLUME /var/lib/postroom
# SIGTERM: the messages in hand are finished, then postroom ends with 0.
STOPSIGNAL SIGTERM
# The start may have to bring a large database to its newest schema first.
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["postroom", "healthcheck"]
ENTRYPOINT ["postroom"]
CMD ["run"]

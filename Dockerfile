# Two stages: the first has the build tools, the second only Python and postroom.
# Everything is installed by hash, from the same pins as a checkout uses.

FROM python:3.12-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/postroom \
 && /opt/postroom/bin/pip install --require-hashes -r requirements.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY postroom postroom
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && /opt/postroom/bin/pip install --no-index --no-deps /wheels/*.whl

FROM python:3.12-slim
COPY --from=build /opt/postroom /opt/postroom
# The number is fixed, so that the owner of a mounted folder can be set from outside.
RUN groupadd --gid 10001 postroom \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/postroom --shell /usr/sbin/nologin postroom \
 && install -d -o postroom -g postroom -m 0750 /var/lib/postroom
ENV PATH=/opt/postroom/bin:$PATH POSTROOM_STATE_DIR=/var/lib/postroom
USER 10001:10001
WORKDIR /var/lib/postroom
VOLUME /var/lib/postroom
# SIGTERM: the message in hand is finished, then postroom ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["postroom"]
CMD ["run"]

# Two images; docs/export.md#containers says how they are used:
#   docker build --target inference -t iaunet-inference .    # embedding, galleries and the page, on CPUs, no TensorFlow
#   docker build --target train -t iaunet-train .            # everything, on NVIDIA GPUs
# The pins hold for PYTHON 3.11 and later.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS base
RUN useradd --uid 1000 --create-home iaunet
WORKDIR /data
ENTRYPOINT ["iaunet"]

FROM base AS wheel
WORKDIR /source
COPY docker/build.txt docker/
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r docker/build.txt
COPY setup.py pyproject.toml README.md LICENSE ./
COPY configs configs
COPY iaunet_tf iaunet_tf
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM base AS inference
COPY docker/inference.txt /tmp/
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/inference.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps --no-index /wheels/*.whl
USER 1000
EXPOSE 8000
CMD ["--help"]

# The CUDA libraries are Python packages: the host has a driver and the NVIDIA Container Toolkit.
FROM base AS train
COPY docker/train.txt /tmp/
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/train.txt
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps --no-index /wheels/*.whl
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
CMD ["train"]

# The batch tier: Spark, Java and the jobs. What it is given as a command are a job's arguments.
# Build from the repository's root: make image-batch
FROM python:3.11.14-slim-bookworm

# Debian removes a version when it publishes the next, so a pinned one would soon not build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libopenblas0 openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/marquee

COPY requirements-spark.txt ./
RUN pip install -r requirements-spark.txt

COPY recommender recommender
COPY spark_jobs spark_jobs

# The user of the web tier, which shares the folder of releases.
RUN useradd --system --uid 10001 --create-home marquee \
    && install -d -o marquee /var/lib/marquee/releases /srv/marquee/data /var/cache/marquee
USER 10001

# Compiled kernels are kept where this user may write.
ENV RELEASES=/var/lib/marquee/releases NUMBA_CACHE_DIR=/var/cache/marquee
# A job ends by itself: there is nothing to ask whether it is well.
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "spark_jobs.train"]

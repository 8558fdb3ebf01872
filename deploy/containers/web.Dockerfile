# The web tier: site and REST API behind gunicorn. No Spark, no Java, no compiler, no secrets: settings
# come from the environment. Build from the repository's root: make image-web
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/marquee

COPY requirements.txt requirements-mysql.txt requirements-pgsql.txt ./
RUN pip install -r requirements-mysql.txt -r requirements-pgsql.txt

COPY application.py config.py gunicorn.conf.py ./
COPY app app
COPY migrations migrations
COPY recommender recommender

# A volume that is mounted here for the first time takes over whose folder it is.
RUN useradd --system --uid 10001 marquee && install -d -o marquee /var/lib/marquee/releases
USER 10001

# gunicorn reads gunicorn.conf.py of its working directory, and listens on all addresses at PORT.
ENV PORT=8000 RELEASES=/var/lib/marquee/releases
EXPOSE 8000
# Whether the process lives; /ready also asks for a database and a release, which no restart brings.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
CMD ["gunicorn", "--workers", "2", "--threads", "4", "application:application"]

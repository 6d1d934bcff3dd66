# `make help` lists the targets. Each target builds its requirements: only Python 3.11 to 3.14 must be installed.
ifeq ($(OS),Windows_NT)
$(error Not on native Windows: use Docker Desktop (docker compose up --build), or make inside WSL)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The environment is re-created if the folder is moved or PYTHON=… changes.
VENV := .venv/made-$(shell echo '$(CURDIR) $(PYTHON)' | cksum | cut -d ' ' -f 1)
BIN := .venv/bin
RUN := $(BIN)/python -m
PYTEST := $(BIN)/python -m pytest
CODE := shared/src services examples tests benchmarks

$(VENV): requirements.lock shared/pyproject.toml
	@PYTHON='$(PYTHON)' sh .ci/venv
	@touch $@

.PHONY: help demo test unit training test-kafka4 lint check faults chaos bench e2e docs train files quality data lock sbom audit licences pin-images clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

demo: $(VENV) ## score payments on this machine without Docker; DEMO_SECONDS=30 stops after 30 s
	@$(RUN) demo

test: $(VENV) ## run unit, contract, training, integration and browser tests, on real Kafka if java and mvn are installed
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder -m 'not faults and not e2e'

unit: $(VENV) ## run the unit tests in half a minute, with a tenth of the random cases
	FUZZ_SHARE=0.1 $(PYTEST) -n 2 --dist load tests/unit

training: $(VENV) ## run the tests that train real models
	$(PYTEST) -n 2 --dist load tests/training

test-kafka4: $(VENV) ## run the short selection of broker tests (marker kafka4) on Kafka 4 in KRaft mode
	TEST_KAFKA=4 $(PYTEST) -n 3 --dist loadfile -m kafka4 tests/integration tests/faults

lint: $(VENV) ## check format, lint and words, as pre-commit does
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python .ci/words.py
	$(BIN)/python .ci/files.py --check

check: lint ## check format, lint, words, types and layers
	$(BIN)/python -m mypy $(CODE)
	$(BIN)/lint-imports

faults: $(VENV) ## run all fault tests, on their own brokers
	$(PYTEST) -n 3 --dist loadfile tests/faults

chaos: $(VENV) ## run seeded random kills, pauses and restarts; CHAOS_SEED, CHAOS_MINUTES, CHAOS_REPLICAS
	@$(BIN)/python -m tests.chaos

bench: $(VENV) ## compare the scorer with other stream processors, into benchmarks/; needs java, mvn and 90 minutes
	@$(BIN)/python -m benchmarks

e2e: $(VENV) ## test the Compose file; needs a Docker engine
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder tests/e2e

docs: $(VENV) ## test the documents: contents, links, and their commands; needs a Docker engine
	$(PYTEST) -n 2 --dist loadfile tests/unit/test_documents.py tests/e2e/test_documents.py tests/e2e/test_readme.py

train: $(VENV) ## train a model from data/historical_payments.csv into models/
	@$(RUN) trainer $(ARGS)

files: $(VENV) ## the list of source files in docs/architecture.md, from their docstrings
	$(BIN)/python .ci/files.py

quality: $(VENV) ## compare the trained model with the simulation's true probabilities and its targets
	@$(RUN) trainer.quality

data: $(VENV) ## generate data/historical_payments.csv again from the simulation
	@$(RUN) trainer.make_data

lock: $(VENV) ## resolve the dependencies again; ARGS=--upgrade for newer ones
	sh .ci/lock $(ARGS)

sbom: $(VENV) ## list the packages in each image, as CycloneDX, into dist/sbom/
	sh .ci/dependencies sbom

audit: $(VENV) ## compare the locked packages with the published advisories; needs the package index
	sh .ci/dependencies audit

licences: $(VENV) ## write docs/licences.md from the installed packages
	sh .ci/dependencies licences

pin-images: ## write the digests of third-party images into Compose file and Dockerfiles; needs their registry
	sh .ci/pin-images

clean: ## remove the virtual environment and all caches; outputs/ and models/ are kept
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# `make help` lists the targets. All of them make what they need: only Python 3.11 to 3.14 must be there.
ifeq ($(OS),Windows_NT)
$(error Not on native Windows: use Docker Desktop (docker compose up --build), or make inside WSL)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# A moved folder or another PYTHON=… needs another environment.
VENV := .venv/made-$(shell echo '$(CURDIR) $(PYTHON)' | cksum | cut -d ' ' -f 1)
BIN := .venv/bin
RUN := $(BIN)/python -m
PYTEST := $(BIN)/python -m pytest
CODE := shared/src services examples tests benchmarks

$(VENV): requirements.lock shared/pyproject.toml
	@PYTHON='$(PYTHON)' sh .ci/venv
	@touch $@

.PHONY: help demo test unit test-kafka4 lint check faults chaos bench e2e train quality data lock sbom audit licences pin-images clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

demo: $(VENV) ## payments scored here and now, without Docker; DEMO_SECONDS=30 stops by itself
	@$(RUN) demo

test: $(VENV) ## unit, contract, integration and browser tests, on real Kafka where java and mvn are
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder -m 'not faults and not e2e'

unit: $(VENV) ## the unit tests alone
	$(PYTEST) -n 2 --dist load tests/unit

test-kafka4: $(VENV) ## the quick choice of broker tests (marker kafka4) on Kafka 4 in KRaft mode
	TEST_KAFKA=4 $(PYTEST) -n 2 --dist loadfile -m kafka4

lint: $(VENV) ## the fast part of check: format, lint, words; what pre-commit runs
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python .ci/words.py

check: lint ## lint, types, layers
	$(BIN)/python -m mypy $(CODE)
	$(BIN)/lint-imports

faults: $(VENV) ## every named fault, on brokers of its own
	$(PYTEST) -n 2 --dist loadfile -m faults

chaos: $(VENV) ## a seeded storm of kills, pauses and restarts; CHAOS_SEED, CHAOS_MINUTES, CHAOS_REPLICAS
	@$(BIN)/python -m tests.chaos

bench: $(VENV) ## this scorer beside other stream processors, into benchmarks/; needs java, mvn and an hour and a half
	@$(BIN)/python -m benchmarks

e2e: $(VENV) ## the Compose file itself; needs a Docker engine
	$(PYTEST) -m e2e

train: $(VENV) ## train a model from data/historical_payments.csv into models/
	@$(RUN) trainer $(ARGS)

quality: $(VENV) ## how close the trained model comes to the simulation's truth, beside its goals
	@$(RUN) trainer.quality

data: $(VENV) ## make data/historical_payments.csv anew from the simulation
	@$(RUN) trainer.make_data

lock: $(VENV) ## resolve the dependencies again; ARGS=--upgrade for newer ones
	sh .ci/lock $(ARGS)

sbom: $(VENV) ## list the packages in each image, as CycloneDX, into dist/sbom/
	sh .ci/dependencies sbom

audit: $(VENV) ## compare the locked packages with the published advisories; needs the package index
	sh .ci/dependencies audit

licences: $(VENV) ## docs/licences.md from the installed packages
	sh .ci/dependencies licences

pin-images: ## write the digests of the images of others into Compose file and Dockerfiles; needs their registry
	sh .ci/pin-images

clean: ## remove the virtual environment and all caches; outputs/ and models/ stay
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

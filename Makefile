# Two environments: .venv is the service alone (no torch), .venv-dev is everything.
PYTHON ?= python3
PORT ?= 8000
MODELS ?= models
HOST ?= http://127.0.0.1:$(PORT)
USERS ?= 8
SECONDS ?= 20
DATA ?= data
ENCODER ?= sentence-transformers/all-MiniLM-L6-v2

.PHONY: flight serve test lint loadtest peers models results image clean

serve: .venv/installed
	.venv/bin/stillhouse serve --models $(MODELS) --port $(PORT)

test: .venv-dev/installed lint
	.venv-dev/bin/pytest

# 10,000 requests through a swap of versions, a rollback and a stop: none may be lost.
flight: .venv-dev/installed
	.venv-dev/bin/python -m tests.service.flight --models $(MODELS)

lint: .venv-dev/installed
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/mypy

# Against a service that runs already: `make serve` in another terminal.
loadtest: .venv-dev/installed
	.venv-dev/bin/stillhouse loadtest --host $(HOST) --users $(USERS) --seconds $(SECONDS)

# Other servers on the same models, each in an environment of its own. Needs wrk, two quiet cores
# and an hour, about half of it for the environments and the settings to try.
peers: .venv/installed .venv-dev/installed
	.venv-dev/bin/stillhouse peers prepare
	.venv-dev/bin/stillhouse peers tune --models $(MODELS)
	.venv-dev/bin/stillhouse peers run --models $(MODELS) --replace
	.venv-dev/bin/stillhouse peers report

# Rebuilds what models/ ships. DATA holds sst2/train.tsv.gz, sst2/dev.tsv and imdb/train.tsv.gz.
models: .venv-dev/installed
	.venv-dev/bin/stillhouse train --recipe training/recipes/teacher-sst2.toml \
	  --train $(DATA)/sst2/train.tsv.gz --test $(DATA)/sst2/dev.tsv \
	  --base $(ENCODER) --output checkpoints/teacher
	.venv-dev/bin/stillhouse distil --recipe training/recipes/student-sst2.toml \
	  --train $(DATA)/sst2/train.tsv.gz --test $(DATA)/sst2/dev.tsv \
	  --teacher checkpoints/teacher --unlabelled $(DATA)/imdb/train.tsv.gz \
	  --output checkpoints/student
	.venv-dev/bin/stillhouse export checkpoints/teacher --name teacher --models $(MODELS) \
	  --weights float16 --data sst2-dev=$(DATA)/sst2/dev.tsv
	.venv-dev/bin/stillhouse export checkpoints/student --name student --models $(MODELS) \
	  --precision int8 --data sst2-dev=$(DATA)/sst2/dev.tsv
	.venv-dev/bin/stillhouse held-out --recipe training/recipes/student-sst2.toml \
	  --train $(DATA)/sst2/train.tsv.gz --output checkpoints/held-out.tsv
	.venv-dev/bin/stillhouse calibrate --chain student,teacher --models $(MODELS) --default \
	  --data checkpoints/held-out.tsv \
	  --max-accuracy-loss 0.01 --plot docs/auto.svg

# The README's figures, from docs/results.json. DATA as for models.
results: .venv/installed .venv-dev/installed
	.venv-dev/bin/stillhouse measure --models $(MODELS) --data $(DATA)/sst2/dev.tsv --readme README.md

image:
	docker build -t stillhouse .

clean:
	rm -rf .venv .venv-dev .venv-peers build *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv-dev/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/pip install --quiet --constraint constraints.txt torch
	.venv-dev/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

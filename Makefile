# Two environments: .venv is the service alone (no torch), .venv-dev is everything.
PYTHON ?= python3
PORT ?= 8000
MODELS ?= models
HOST ?= http://127.0.0.1:$(PORT)
USERS ?= 8
MINUTES ?= 45
SPECS ?=
DOCKER ?= docker
IMAGE_MB = 500
SECONDS ?= 20
DATA ?= data
ENCODER ?= sentence-transformers/all-MiniLM-L6-v2
STRONG_ENCODER ?= sentence-transformers/all-mpnet-base-v2
BENCHMARKS = .venv-dev/bin/python -m benchmarks
# Where it is set, each of the commands that tests start would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
LINT = .venv-dev/bin/ruff check . && .venv-dev/bin/ruff format --check . && .venv-dev/bin/mypy

.PHONY: help flight serve test lint loadtest peers growth soak chaos fuzz models auto bounds results size \
  reference docs image clean sbom audit spread

# This list.
help:
	@awk '/^#/ { said = said " " substr($$0, 3) } \
	  /^[a-z]+:/ { split($$0, name, ":"); printf "make %-10s%s\n", name[1], said } \
	  !/^#/ { said = "" }' Makefile

# The models that ship, on port $(PORT).
serve: .venv/installed
	.venv/bin/stillhouse serve --models $(MODELS) --port $(PORT)

# Where a worker crashes, xdist ends: with one that it starts anew, it would wait for ever.

# Linters, types and all tests, beside each other.
test: .venv-dev/installed
	@($(LINT)) & lint=$$!; \
	  .venv-dev/bin/pytest -n 2 --dist loadfile --max-worker-restart 0; tests=$$?; \
	  wait $$lint || { echo "ruff or mypy failed, see above"; exit 1; }; exit $$tests

# 10,000 requests through a swap of versions, a rollback and a stop: none may be lost.
flight: .venv-dev/installed
	.venv-dev/bin/python -m tests.service.process.flight --models $(MODELS)

# ruff and mypy.
lint: .venv-dev/installed
	$(LINT)

# Against a service that runs already: `make serve` in another terminal.
loadtest: .venv-dev/installed
	.venv-dev/bin/stillhouse loadtest --host $(HOST) --users $(USERS) --seconds $(SECONDS)

# Other servers on the same models, each in an environment of its own. Needs wrk, two quiet cores
# and an hour, about half of it for the environments and the settings to try.
peers: .venv/installed .venv-dev/installed
	$(BENCHMARKS) peers prepare
	$(BENCHMARKS) peers tune --models $(MODELS)
	$(BENCHMARKS) peers run --models $(MODELS) --replace
	$(BENCHMARKS) peers report

# How throughput grows with cores, text length, batch, classes and loaded models. Needs wrk, quiet
# cores and, reckoned from its visits, half an hour; one that was broken off goes on.
growth: .venv/installed .venv-dev/installed
	$(BENCHMARKS) growth run --models $(MODELS) --replace
	$(BENCHMARKS) growth report

# An even, mixed load at half of the capacity: no answer may be wrong or lost, and memory must not
# grow. MINUTES=240 is a longer one.
soak: .venv/installed .venv-dev/installed
	$(BENCHMARKS) reliability soak --models $(MODELS) --minutes $(MINUTES); status=$$?; \
	  $(BENCHMARKS) reliability report && exit $$status

# Faults under load, one after another: a quarter of an hour. Some need root (a full disk) or
# Debian's libfaketime (a clock that steps), and are skipped with a word without.
chaos: .venv/installed .venv-dev/installed
	$(BENCHMARKS) reliability chaos --models $(MODELS); status=$$?; \
	  $(BENCHMARKS) reliability report && exit $$status

# A hundred thousand requests that are no good ones. SPECS are OpenAPI documents besides the
# service's own: those of the Open Inference Protocol and of Text Embeddings Inference are public.
fuzz: .venv/installed .venv-dev/installed
	$(BENCHMARKS) reliability fuzz --models $(MODELS) $(addprefix --spec ,$(SPECS)); status=$$?; \
	  $(BENCHMARKS) reliability report && exit $$status

# What training takes for 1,600,000 rows: memory, and the time until it begins. Some minutes.
size: .venv-dev/installed
	$(BENCHMARKS) pipeline-size --stillhouse .venv-dev/bin/stillhouse --command train --command distil

# Rebuilds what models/ ships: a strong teacher, which is not shipped, teaches all that are.
# DATA holds sst2/train.tsv.gz, sst2/dev.tsv, imdb/train.tsv.gz and imdb/test.tsv.gz.
SST2 = --train $(DATA)/sst2/train.tsv.gz --test $(DATA)/sst2/dev.tsv
DISTIL = .venv-dev/bin/stillhouse distil $(SST2) --unlabelled checkpoints/transfer.tsv \
  --teacher checkpoints/strong
EXPORT = .venv-dev/bin/stillhouse export --models $(MODELS) --licence Apache-2.0 \
  --data sst2-dev=$(DATA)/sst2/dev.tsv --fit checkpoints/choose.tsv
RESUME = $(if $(wildcard $@.run),--resume)
# The models that ship, made again from DATA, ENCODER and STRONG_ENCODER.
models: checkpoints/teacher checkpoints/student checkpoints/nano checkpoints/choose.tsv
	$(EXPORT) checkpoints/teacher --name teacher --precision int8
	$(EXPORT) checkpoints/student --name student --precision int8
	$(EXPORT) checkpoints/nano --name nano --weights int8
	$(MAKE) auto

# The cascade of the models that ship, fitted on SST-2 texts that their recipes hold out to fit on.
auto: checkpoints/fit.tsv
	.venv-dev/bin/stillhouse calibrate --chain nano,student,teacher --models $(MODELS) --default \
	  --replace --data $< --plot docs/auto.svg

# How often a cascade's fit is over its limit, simulated: 10,000 fits in each of many settings.
bounds: .venv-dev/installed
	.venv-dev/bin/python -m tests.export.cascade.simulation --output docs/cascade-bounds.json

# A checkpoint that is there is kept, and an unfinished one is finished.
checkpoints/strong: | .venv-dev/installed
	.venv-dev/bin/stillhouse train --recipe training/recipes/strong-sst2.toml $(SST2) \
	  --base $(STRONG_ENCODER) --output $@ $(RESUME)

checkpoints/teacher: | checkpoints/strong checkpoints/transfer.tsv
	$(DISTIL) --recipe training/recipes/teacher-distilled-sst2.toml --base $(ENCODER) --output $@ $(RESUME)

checkpoints/student: | checkpoints/strong checkpoints/transfer.tsv
	$(DISTIL) --recipe training/recipes/student-sst2.toml --output $@ $(RESUME)

checkpoints/nano: | checkpoints/strong checkpoints/transfer.tsv
	$(DISTIL) --recipe training/recipes/nano-sst2.toml --output $@ $(RESUME)

# Reviews whose sentences the strong teacher labels. The short ones of IMDB test, which a sentence
# model reads whole, are left for measuring.
checkpoints/transfer.tsv:
	mkdir -p checkpoints
	zcat $(DATA)/imdb/train.tsv.gz > $@.partial
	zcat $(DATA)/imdb/test.tsv.gz > $@.test
	awk -F'\t' 'FNR > 1 && split($$2, words, " ") > 100' $@.test >> $@.partial
	rm $@.test
	mv $@.partial $@

# Texts that the recipes hold out: to choose checkpoints and fit temperatures, and to fit the cascade.
checkpoints/choose.tsv checkpoints/fit.tsv: training/recipes/student-sst2.toml | .venv-dev/installed
	mkdir -p checkpoints
	rm -f $@
	.venv-dev/bin/stillhouse held-out --recipe $< $(SST2) --part $(basename $(@F)) --output $@

# The README's figures, from docs/results.json. DATA as for models.
results: .venv/installed .venv-dev/installed
	$(BENCHMARKS) measure --models $(MODELS) --data $(DATA)/sst2/dev.tsv --readme README.md

# The pages of docs/reference/, from the code.
reference: .venv-dev/installed
	.venv-dev/bin/python -m tests.docs.reference

# The site of docs/, in build/site. A link that leads nowhere ends it.
docs: .venv-dev/installed
	.venv-dev/bin/zensical build --strict --clean

# The service's container image; one that is larger than docs/kubernetes.md says is refused.
image:
	$(DOCKER) build -t stillhouse .
	.ci/image-size $(DOCKER) stillhouse $(IMAGE_MB)

# A list of all that the service takes, with releases and licences, for tools: CycloneDX's JSON.
sbom: .venv/installed .venv-tools/installed
	.venv-tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file reports/sbom.json .venv/bin/python

# Known vulnerabilities of what is pinned. Asks PyPI; where it cannot, it says so and fails.
audit: .venv-tools/installed
	.venv-tools/bin/python .ci/audit .venv-tools/bin/pip-audit -r constraints.txt --no-deps --disable-pip

# How `score --ray` grows with cores. Needs two quiet cores and, reckoned, half an hour.
spread: .venv-dev/installed
	$(BENCHMARKS) spread --models $(MODELS) --page docs/ray.md

# Away with environments and caches.
clean:
	rm -rf .venv .venv-dev .venv-peers .venv-tools build *.egg-info

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv-dev/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/pip install --quiet --no-compile --constraint constraints.txt torch
	.venv-dev/bin/pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv-tools/installed:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/pip install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	touch $@

# `make help` lists the targets.

GO        ?= go
BIN       := bin/g2c
BUILD     := build
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT    ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GOTESTSUM := $(GO) run gotest.tools/gotestsum@v1.13.0
PEER      ?= ../shared/peers/torch_g2c.py
TORCH_PY  ?= $(BUILD)/torch/bin/python
SOURCES   := $(shell find . -name '*.go' -o -name '*.s' -o -name '*.yaml' -o -name '*.html' 2>/dev/null | grep -v '^./$(BUILD)/') go.mod go.sum

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: build
build: $(BIN) ## build bin/g2c

$(BIN): $(SOURCES)
	$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $@ ./cmd/g2c

.PHONY: demo
demo: $(BIN) ## train both stages on synthetic tissue and write a report: minutes, no data needed
	$(BIN) run quickstart

.PHONY: test
test: ## run every test and print the slowest
	@mkdir -p $(BUILD) && rm -f $(BUILD)/test*.json
	@if [ "$$CI" = true ] || { command -v g++ && $(MAKE) $(CUDA_VENV)/done; } >/dev/null 2>&1; then $(MAKE) test-cuda; \
	else echo "SKIPPED: the tests of the CUDA code need g++, and python3 with venv and a package index"; fi
	@$(MAKE) s3-servers || test "$$CI" != true
	@$(MAKE) k8s-servers || test "$$CI" != true
	$(GOTESTSUM) --format pkgname-and-test-fails --jsonfile $(BUILD)/test.json -- -timeout 30m ./...
	@echo "slowest tests:"
	@for f in $(BUILD)/test*.json; do $(GOTESTSUM) tool slowest --jsonfile $$f --threshold 2s --num 15; done

.PHONY: s3-servers
s3-servers: ## build the servers of S3 that tests start, into .tools: minutes, once
	$(GO) run ./checkpoint/s3store/s3test/install

.PHONY: k8s-servers
k8s-servers: ## build the Kubernetes control plane that tests start, into .tools: a quarter of an hour, once
	$(GO) run ./k8s/servers/install

.PHONY: test-k8s
test-k8s: k8s-servers ## train on a whole Kubernetes control plane whose nodes run pods as processes; part of test
	$(GO) test ./k8s/e2e -count=1 -v -timeout 30m

IMAGE := $(BUILD)/image
CA    ?= /etc/ssl/certs/ca-certificates.crt

.PHONY: image
image: ## build an image of g2c for CPUs as an OCI layout, build/image/cpu, that trusts the certificates of CA
	rm -rf $(IMAGE)/cpu
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o $(IMAGE)/g2c ./cmd/g2c
	$(GO) run ./k8s/image/build -program $(IMAGE)/g2c -ca $(CA) -tag $(VERSION) -o $(IMAGE)/cpu

.PHONY: image-cuda
image-cuda: gpu ## build one with CUDA, build/image/cuda, upon BASE: the OCI layout of an image that has glibc and trusted certificates
	@test -n "$(BASE)" || { echo "BASE is not given: the folder of an OCI layout with glibc, as skopeo or crane copy one"; exit 2; }
	rm -rf $(IMAGE)/cuda
	$(GO) run ./k8s/image/build -program $(BIN) -base $(BASE) -env NVIDIA_DRIVER_CAPABILITIES=compute,utility -tag $(VERSION)-cuda -o $(IMAGE)/cuda

.PHONY: test-kueue
test-kueue: ## have Kueue admit and preempt workers on such a control plane; builds Kueue, ten minutes, once; not part of test
	$(GO) run ./k8s/servers/install -kueue
	$(GO) test ./k8s/e2e -run '^TestKueue$$' -kueue -count=1 -v -timeout 30m

CUDA_VENV    := $(BUILD)/cuda/venv
CUDA_STUB    := $(BUILD)/cuda/lib/libcuda.a
# The environment that builds with the tag gpu need.
CUDA_ENV      = CUDA_INCLUDE=$$($(CUDA_VENV)/bin/python -c 'import nvidia.cuda_runtime as m; print(m.__path__[0])')/include; \
	export CUDA_INCLUDE CGO_CFLAGS="-I$$CUDA_INCLUDE -Wno-deprecated-declarations" CGO_LDFLAGS=-L$(CURDIR)/$(dir $(CUDA_STUB))

.PHONY: test-cuda
test-cuda: kernels $(CUDA_STUB) ## run the tests of the CUDA code, on an emulated driver
	@mkdir -p $(BUILD)
	$(CUDA_ENV); $(GO) vet -tags gpu ./cmd/... ./internal/energy ./worker/... ./kernels/... ./test/cuda && \
	$(GOTESTSUM) --format pkgname-and-test-fails --jsonfile $(BUILD)/test-cuda.json -- -tags gpu -timeout 40m ./internal/energy ./kernels/emu/... ./kernels/cuda/... && \
	$(GOTESTSUM) --format pkgname-and-test-fails --jsonfile $(BUILD)/test-cuda-steps.json -- -tags gpu -timeout 40m -run CUDA ./worker/train ./test/cuda
	git diff --exit-code -- kernels/cuda/README.md

CUDA_IMAGE := kernels/cuda/image/kernels.fatbin

.PHONY: kernels
kernels: $(CUDA_IMAGE) ## compile the CUDA kernels and write their table: no GPU is needed

$(CUDA_IMAGE): $(CUDA_VENV)/done $(wildcard kernels/cuda/src/*.cu kernels/cuda/src/*.cuh) $(wildcard kernels/cuda/compile/*.go kernels/cuda/tiles/*.go)
	$(GO) run ./kernels/cuda/compile -cuda $$($(CUDA_VENV)/bin/python -c 'import nvidia.cu13 as m; print(m.__path__[0])') -o $@ -table kernels/cuda/README.md

.PHONY: gpu
gpu: kernels $(CUDA_STUB) ## build bin/g2c with the CUDA backend: it runs with and without a driver
	$(CUDA_ENV); $(GO) build -tags gpu -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/g2c

$(CUDA_VENV)/done: kernels/cuda/requirements.txt
	python3 -m venv $(CUDA_VENV)
	$(CUDA_VENV)/bin/pip install -q -r kernels/cuda/requirements.txt
	@touch $@

$(CUDA_STUB): kernels/cuda/trampoline/main.go kernels/cuda/trampoline/symbols.txt
	$(GO) run ./kernels/cuda/trampoline -o $@

GPU_CHECK := $(BUILD)/gpu-check
# What a machine with a GPU has to say before anything is run on it.
HAS_GPU    = $(BIN) doctor --json | grep -q '"gpu 0"'

.PHONY: gpu-tests
gpu-tests: gpu ## build what a machine with a GPU needs to be checked: no Go is needed there
	@mkdir -p $(GPU_CHECK)
	$(CUDA_ENV); $(GO) test -c -tags gpu -o $(GPU_CHECK)/kernels.test ./kernels/cuda && $(GO) test -c -tags gpu -o $(GPU_CHECK)/steps.test ./worker/train

.PHONY: gpu-check
gpu-check: gpu-tests ## hold the kernels and both steps to their references on the first GPU of this machine
	@if $(HAS_GPU); then python3 bench/peers/gpu_check.py --g2c $(BIN) --tests $(GPU_CHECK) --peer $(PEER) --out bench/results/gpu-check.md; \
	else echo "no CUDA driver: nothing was checked. Carry $(BIN), $(GPU_CHECK) and bench/peers to a machine with a GPU: bench/results/gpu.md says how"; fi

.PHONY: gpu-bench
gpu-bench: gpu ## time the training steps beside PyTorch's on the first GPU of this machine
	@if $(HAS_GPU); then python3 bench/peers/bench_gpu.py --g2c $(BIN) --peer $(PEER) --out bench/results/gpu.md; \
	else echo "no CUDA driver: nothing was measured. Carry $(BIN) and bench/peers to a machine with a GPU: bench/results/gpu.md says how"; fi

.PHONY: test-exfat
test-exfat: ## try a store on a mounted exFAT disk: takes root, loop devices and exfatprogs
	$(GO) test ./checkpoint/filestore -run '^TestOnExFAT$$' -count=1 -v -exfat

.PHONY: test-short
test-short: ## run the tests that take seconds
	$(GO) test -short ./...

.PHONY: verify
verify: ## check formatting, vet, and that generated files are fresh
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) generate ./...
	git diff --exit-code -- '*.s' '*_gen.go' '*.pb.go' 'zz_generated*.go' k8s/crds k8s/chart/templates kernels/cpu docs/spec.md docs/spec.schema.json

.PHONY: fuzz
fuzz: ## fuzz every parser of outside bytes for FUZZTIME (default 20s) each
	@for f in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9]+' $$f/*_test.go | sed 's/func //'); do \
			echo "$$f $$name"; $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(or $(FUZZTIME),20s) -fuzzminimizetime 10x $$f || exit 1; \
		done; done

$(BUILD)/torch/bin/python:
	python3 -m venv $(BUILD)/torch
	$(BUILD)/torch/bin/pip install -q -r bench/peers/requirements.txt

.PHONY: bench-cpu
bench-cpu: $(BIN) $(TORCH_PY) ## time the training steps beside PyTorch's; PEER names the PyTorch networks
	$(TORCH_PY) bench/peers/bench_cpu.py --g2c $(BIN) --peer $(PEER) --out bench/results/cpu.md

.PHONY: fuzz-state
fuzz-state: ## hold ENTRIES (default a million) random entries of the log to the obvious model of the state
	G2C_FUZZ_STATE=$(or $(ENTRIES),1000000) $(GO) test -run '^TestHistoriesAgreeWithTheModel$$' -count 1 -v -timeout 2h ./coordinator/state

.PHONY: bench-coordinator
bench-coordinator: ## measure the coordinator at 10,000 slots and 100,000 tasks
	$(GO) run ./bench/coordinator

.PHONY: bench-allreduce
bench-allreduce: $(TORCH_PY) ## time the exchange of gradients between processes of this machine, beside Gloo
	$(GO) build -o $(BUILD)/bench/rank ./worker/agent/grpclink/rank
	$(GO) run ./bench/allreduce -rank $(BUILD)/bench/rank -python $(TORCH_PY) -o bench/results/allreduce.md

.PHONY: bench-coverage
bench-coverage: ## count how often intervals and tests are right on made-up patients, and write docs/statistics.md's tables
	$(GO) run ./bench/coverage -o docs/statistics.md

.PHONY: bench-data
bench-data: $(BIN) $(TORCH_PY) ## inspect, plan and train on 300,000 patches (N) beside a pass of PyTorch's DataLoader over them
	$(GO) run ./bench/data -g2c $(BIN) -python $(TORCH_PY) -n $(or $(N),300000) -o bench/results/data.md

.PHONY: bench-s3
bench-s3: s3-servers ## measure checkpoints in a bucket beside plain puts and gets at the same server
	$(GO) test ./checkpoint/s3store -run '^TestMeasure$$' -count=1 -v -timeout 30m -measure $(CURDIR)/bench/results/s3.md

.PHONY: bench-elastic
bench-elastic: ## measure how soon a gang goes on without a killed member, what a joiner costs it, and what a second worker is worth
	$(GO) test ./test/cluster -run '^TestMeasure$$' -count=1 -v -timeout 40m -measures $(or $(N),10) -measure $(CURDIR)/bench/results/elastic.md
	@tail -n 1 bench/results/elastic.md

.PHONY: bench-k8s
bench-k8s: k8s-servers ## measure the operator at EXPERIMENTS (default 2000) and WORKERS (default 500), on a control plane whose nodes run nothing
	$(GO) test ./k8s/e2e -run '^TestMeasure$$' -count=1 -v -timeout 30m -experiments $(or $(EXPERIMENTS),2000) -workers $(or $(WORKERS),500) -measure $(CURDIR)/bench/results/k8s.md

.PHONY: chaos
chaos: ## kill a cluster's leader a hundred times and workers of gangs twenty, lose a disk, part networks, and count what was lost
	$(GO) test ./test/cluster -count=1 -run 'Survives|GangsTrain' -kills $(or $(KILLS),100) -gangkills $(or $(GANGKILLS),20) -ganglong -timeout 60m -v

# The release before: what came before the newest level of commands.
BEFORE = $(shell git rev-list -1 HEAD -- coordinator/command/level.go)^

.PHONY: test-upgrade
test-upgrade: ## upgrade a cluster of the release BEFORE (default: of the level before), process by process, while it trains
	rm -rf $(BUILD)/before && mkdir -p $(BUILD)/before
	mkdir $(BUILD)/before/src && git archive $(BEFORE) | tar -x -C $(BUILD)/before/src
	cd $(BUILD)/before/src && $(GO) build -o ../g2c ./cmd/g2c
	rm -rf $(BUILD)/before/src
	$(GO) test ./test/cluster -run '^TestARollingUpgrade$$' -count=1 -v -timeout 60m -before $(CURDIR)/$(BUILD)/before/g2c

.PHONY: sim
sim: ## play 200 worlds (SEEDS) in which workers, leaders and clocks fail, against what scheduler and workers promise
	$(GO) test ./test/sim -count=1 -run Worlds -seeds $(or $(SEEDS),200) -timeout 60m

.PHONY: parity
parity: $(BIN) $(TORCH_PY) ## hold training steps to PyTorch's, tensor by tensor; PEER names the PyTorch networks
	$(TORCH_PY) bench/peers/parity.py --g2c $(BIN) --peer $(PEER) --out bench/results/parity.md

.PHONY: clean
clean: ## remove what was built
	rm -rf bin $(BUILD)

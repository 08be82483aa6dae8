# What people and CI run. Every target installs what it needs by ordinary
# package clients, into Go's and the project's own caches.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
GO ?= go
LDFLAGS := -s -w

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Show processes that compete for a real lock (about a minute)
	@$(GO) run ./hack/demo -binary bin/mongogate

.PHONY: test
test: ## Run all tests, with the race detector, on a database that is started for them
	@hack/test.sh

.PHONY: build
build: bin/mongogate ## Build the static binary for this machine

SOURCES := $(shell find cmd internal pkg -name '*.go' -not -name '*_test.go') go.mod go.sum
bin/mongogate: $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/sidecar

# What the image says of itself. The Go that makes it is the Dockerfile's.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
IMAGE ?= docker.io/mongogate/mongogate:$(patsubst v%,%,$(VERSION))
PLATFORMS ?= linux/amd64,linux/arm64
IMAGE_GO := GOTOOLCHAIN=go$(shell sed -n 's/^ARG GO_VERSION=//p' Dockerfile) $(GO)

.PHONY: image
image: ## Build the container image as an archive, dist/mongogate.tar, without a container engine
	@cd hack/image && SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} $(IMAGE_GO) run . \
		-version '$(VERSION)' -revision '$(REVISION)' -name '$(IMAGE)' -platforms '$(PLATFORMS)' -out '$(CURDIR)/dist/mongogate.tar'

.PHONY: image-test
image-test: ## Build the image twice, compare it with the Dockerfile, and run it
	cd hack/image && $(IMAGE_GO) test ./...

.PHONY: lint
lint: ## Vet, lint, and check that modules and generated documents are tidy
	@hack/lint.sh

.PHONY: render
render: ## Render charts and kustomizations and hold them against Kubernetes, PodSecurity and the gate; no cluster
	@cd e2e && $(GO) test -count=1 -json ./render >render.json || code=1; cd .. && $(GO) run ./hack/testreport -floor 120 <e2e/render.json || code=1; rm -f e2e/render.json; exit $${code:-0}

.PHONY: charts
charts: ## Write anew what is generated for the charts (READMEs, golden files, the copy of the library), and test them
	cd e2e && $(GO) test -count=1 -run 'Chart|Library|Anything' ./render -update

.PHONY: e2e
e2e: ## Run every scenario on two real clusters that are started for it (root; the first run builds Kubernetes)
	@hack/e2e.sh

.PHONY: prove
prove: build ## Run every loss and hand-over trial and write docs/internals/proof.md
	$(GO) run ./hack/prove -binary bin/mongogate -out docs/internals/proof.md

.PHONY: sim
HISTORIES ?= 20000
sim: ## Run simulated histories (HISTORIES=20000), or with SEED=N tell the story of one
ifdef SEED
	$(GO) test -count=1 -timeout=1h -v -run '^TestHistories$$' ./test/sim -sim.shrink -sim.seed $(SEED)
else
	$(GO) test -count=1 -timeout=12h -v -run '^TestHistories$$' ./test/sim -sim.histories $(HISTORIES) | grep -v '^ *--- PASS\|^=== '
endif

.PHONY: linear
linear: ## Have 100 histories of concurrent calls on a database that is killed, frozen and cut off, and look for an order that explains each
	$(GO) test -count=1 -timeout 60m -v -run TestHistories ./test/linear -linear.histories 100

.PHONY: mutants
mutants: ## Remove each protection and see that a test fails; writes docs/internals/mutants.md
	$(GO) run ./hack/mutants

.PHONY: spin
spin: ## Search a model of the protocol completely, with all rules and without each; needs spin and gcc
	@$(GO) run ./hack/spin

.PHONY: bench
bench: build ## Measure side by side and write docs/internals/benchmarks.md
	cd bench && $(GO) run . -binary ../bin/mongogate

.PHONY: db-up
db-up: ## Start a database for work by hand, and print its URI
	@$(GO) run ./hack/devdb up

.PHONY: db-down
db-down: ## Stop it
	@$(GO) run ./hack/devdb down

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist

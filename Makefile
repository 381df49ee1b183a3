# What a developer and CI run. `make help` lists it.
SHELL := /bin/bash
GO    ?= go

.PHONY: help build test tools lint format unit e2e bench profile docs dist clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the program, as ./latchkey
	$(GO) build -trimpath -o latchkey ./cmd/latchkey

test: tools lint ## everything CI runs: tools, lint, all tests (end-to-end ones too)
	@scripts/test

tools: ## installs the test tools that are missing, where it can; says what it could not
	@scripts/tools

lint: ## gofumpt, go vet, staticcheck
	@scripts/lint

format: ## rewrites the sources as gofumpt wants them
	$(GO) tool gofumpt -l -w .

unit: ## all tests but the end-to-end ones, without the race detector: fast
	$(GO) test -pgo=off $$($(GO) list ./... | grep -Ev '/(e2e|shimtest)$$')

e2e: tools ## the end-to-end tests alone
	$(GO) test -pgo=off ./e2e/...

bench: ## speed, as ratios against named baselines of the same run
	@$(GO) run ./internal/bench

profile: ## renews cmd/latchkey/default.pgo, by which the program is compiled (see scripts/profile)
	@scripts/profile

docs: ## regenerates the pages that come from the code
	$(GO) run ./internal/gendocs

dist: ## what is shipped, built twice, signed, with checksums and SBOM, in dist/ (see scripts/dist)
	@scripts/dist

clean: ## removes what was built
	rm -rf latchkey dist .build e2e/node/node_modules engine/tds/testdata/tedious/node_modules

# civicledger: `make` prints what there is to make. CI calls the same targets (.ci/run).
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
PKG         ?= ./...
FUZZTIME    ?= 200000x
RUNS        ?= 150
SEED        ?= 1
PAIRS       ?= 1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
# lint tools and interop modules come from the module cache, else from the proxy, and never enter go.mod
CACHED       = GOPROXY="file://$$(go env GOMODCACHE)/cache/download|$$(go env GOPROXY)"
LINT         = $(CACHED) go run

.PHONY: help run build test check race fuzz faults interop bench clean

help: ## print this list (PKG="./a ./b" narrows test, race and fuzz)
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

run: build ## build and run the demo with ./data; Ctrl-C stops it, the next run goes on
	bin/civicledger demo --data ./data

build: ## build bin/civicledger and bin/civicverify (no cgo)
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/civic...

test: ## run all tests
	go test $(PKG)

check: ## gofmt, vet, gofumpt and staticcheck; the last two are fetched once
	@echo gofmt -l .; $(call nothing,gofmt -l .)
	go vet ./...
	@$(call fetched,$(GOFUMPT),$(call nothing,$(LINT) $(GOFUMPT) -l .))
	@$(call fetched,$(STATICCHECK),$(LINT) $(STATICCHECK) ./...)

race: ## run all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(PKG)

fuzz: ## fuzz every target for FUZZTIME executions
	@targets=$$(go test -list '^Fuzz' $(PKG) | awk '/^Fuzz/ {t[n++]=$$1} /^ok/ {for (i=0; i<n; i++) print $$2, t[i]; n=0}'); \
	while read -r pkg target; do [ -z "$$target" ] || { echo "fuzz $$pkg $$target $(FUZZTIME)"; \
	go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; }; done <<<"$$targets"

faults: ## run RUNS ledgers from SEED on, and every pair of kinds of faults PAIRS times
	go run ./cmd/internal/faults -runs $(RUNS) -pairs $(PAIRS) -seed $(SEED)

interop: ## read our log with Tessera's client and fsck (a module of its own)
	cd ledger/tiles/interop && $(CACHED) go vet ./... && $(CACHED) go test -count=1 ./...

bench: ## print the table of goals, medians of five runs (BENCH=-large: and ten million entries, once)
	go run ./cmd/internal/bench $(BENCH)

clean: ## remove bin and what tests leave; ./data stays
	rm -rf bin; find . -name '*.test' -o -name '*.prof' | xargs -r rm -f

# nothing: run a command that lists what is wrong and exits 0; fail when it lists anything.
nothing = out=$$($(1)); [ -z "$$out" ] || { echo "not formatted:"; echo "$$out"; exit 1; } >&2
# fetched: run $(2) if the tool $(1) can be had; without a network say so, and in CI (CI=true) fail.
fetched = echo $(1); if $(LINT) $(1) -version >/dev/null; then $(2); else \
	echo "check: SKIPPED, cannot be fetched: $(1)" >&2; [ "$${CI:-}" != true ]; fi

# `make check` is the gate before a commit lands. CI (.ci/run) also runs meshcentral and package-test.
SHELL := /bin/bash
GOLANGCI_LINT := v2.15.0
GREMLINS := v0.6.0
FUZZRUNS ?= 10000

# What a build says of itself; a build without git is told (Dockerfile).
export VERSION ?= $(shell packaging/version)
export COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
export DATE ?= $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
export PLATFORMS ?= linux/amd64 linux/arm64 linux/arm/7 darwin/amd64 darwin/arm64 windows/amd64
OUT ?= telegate
IMAGE ?= telegate

.PHONY: help check fmt vet lint tidy test race kill fuzz plugin-test clients meshcentral build bench run tools release deb package-test screenshots image small mutants

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

check: fmt vet lint tidy race test small fuzz plugin-test clients ## What CI checks, but for a real MeshCentral and the Debian package

fmt: ## Formatting
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these: $$unformatted"; exit 1; fi

vet: ## go vet
	go vet ./...

lint: tools ## golangci-lint, with the import directions of docs/architecture.md
	$$(go env GOPATH)/bin/golangci-lint run ./...

tidy: ## go.mod and go.sum say what the code needs
	go mod tidy -diff

kill: ## A hundred SIGKILLs under load, with Telegram failing in all its ways and two minutes without a network (about 6 minutes); SEED=n repeats a run
	TELEGATE_LONG=1 TELEGATE_SEED=$(SEED) go test -run '^Test(KillLosesNothing|MinutesWithoutANetworkLoseNothing)$$' -count 1 -timeout 25m -v ./internal/e2e

# MTProto's key exchanges take their time under the race detector: userclient alone some four minutes of a core.
race: ## The tests under the race detector
	go test -race -timeout 30m ./...

test: ## All tests, as the README says
	go test ./...

# Counted in runs, not in seconds: a fuzzer that is stopped by the clock in the middle of a run reports that as a failure.
fuzz: ## Each fuzz test for FUZZRUNS runs, those with a database for a tenth of that
	@set -euo pipefail; for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			runs=$(FUZZRUNS); case $$pkg in */twofa|*/linking) runs=$$((runs / 10));; esac; \
			echo "fuzz $$pkg $$f: $$runs runs"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $${runs}x -fuzzminimizetime 5x $$pkg > fuzz.log 2>&1 \
				|| { cat fuzz.log; exit 1; }; \
		done; \
	done; rm -f fuzz.log

# gremlins runs through .ci/mutants/go, which says why. A room takes its whole tests for each mutant, but for those that are slow or random
# and find nothing that the others do not. In delivery only what decides when a message leaves is changed.
MUTANTS ?= internal/secret internal/audit linking twofa delivery
mutants: ## Change the code that people's sign-in depends on, one operator at a time, and see whether the tests notice (hours); MUTANTS=room for one
	@go install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS)
	@for room in $(MUTANTS); do \
		tests=; others=; case $$room in \
			twofa) tests='-skip=FuzzNoOrder|TestWhatIsCountedOfOneUser';; \
			delivery) tests='-short -skip=TestAnyText|TestAnyFormatting|TestSplit|TestHTML|TestTwoThousandBots|TestVeryMany|Fuzz'; \
				others=$$(cd delivery && ls *.go | grep -vxE '(pacer|outcome|fallback)\.go' | sed 's/.*/-E ^&$$/');; \
		esac; \
		echo "== $$room"; \
		REAL_GO=$$(command -v go) MUTANTS_TESTS="$$tests" PATH="$(CURDIR)/.ci/mutants:$$PATH" $$(go env GOPATH)/bin/gremlins unleash \
			--workers 1 --timeout-coefficient 10 --output-statuses ltv --threshold-efficacy 95 $$others ./$$room || exit 1; \
	done

small: ## The build without MTProto: nothing of gotd in it, and the sandbox works
	@if go list -tags nomtproto -deps . | grep github.com/gotd; then echo "the tag nomtproto must leave these out"; exit 1; fi
	go vet -tags nomtproto ./...
	go test -tags nomtproto -run 'WithoutMTProto|^TestStory' ./userclient ./internal/e2e

plugin-test: ## The plugin for MeshCentral, by Node's own test runner
	cd integrations/meshcentral && node --test

clients: ## A strict linter for /openapi.json, and clients generated from it in TypeScript and Go, at work (needs Node and npm)
	TELEGATE_CLIENTS=1 go test -count 1 -timeout 10m -run 'TestGeneratedClients' ./internal/e2e

# MeshCentral is installed once, below the user's cache; the run itself takes four minutes on a machine that does nothing else.
meshcentral: ## The plugin in a real MeshCentral, through its own pages in a browser
	TELEGATE_MESHCENTRAL=$${TELEGATE_MESHCENTRAL:-1} go test -count 1 -timeout 15m -run 'TestMeshCentral$$' ./integrations/meshcentral

build: ## The binary, ./telegate
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -o $(OUT) \
		-ldflags '-s -w -X telegate/internal/version.Version=$(VERSION) -X telegate/internal/version.Commit=$(COMMIT) -X telegate/internal/version.Date=$(DATE)' .

release: ## Archives, Debian packages, bills of materials and checksums for all PLATFORMS, in dist/ (half an hour)
	packaging/release

deb: build ## The Debian package for this machine, dist/telegate.deb
	packaging/stage $(OUT) dist/stage
	packaging/deb dist/stage $$(go env GOARCH | sed 's/^arm$$/arm7/') dist/telegate.deb

# With the flags of the tests, so that nothing is compiled for this alone.
package-test: ## A package of a quick build: linted, and installed, run, upgraded and purged in a Debian of its own (as root)
	go build -ldflags '-s -w' -o dist/quick/telegate .
	packaging/stage dist/quick/telegate dist/stage
	packaging/deb dist/stage $$(go env GOARCH | sed 's/^arm$$/arm7/') dist/telegate.deb
	packaging/check dist/telegate.deb

# Each page 1280 and 360 pixels wide, in light and dark mode: docs/console/full/PAGE-WIDTH-SCHEME.png. Needs Chromium. Git keeps one
# picture of each page: 1280 pixels, light.
screenshots: ## The pictures of docs/console.md; the full set goes into docs/console/full
	rm -rf docs/console/full docs/console/*.png && mkdir docs/console/full
	TELEGATE_SCREENSHOTS=$(CURDIR)/docs/console/full go test -count 1 -run 'InTheBrowser$$' ./console
	for f in docs/console/full/*-1280-light.png; do cp "$$f" "docs/console/$$(basename "$$f" -1280-light.png).png"; done

image: ## The container image
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) -t $(IMAGE) .

# Half an hour on a machine that does nothing else. BENCH="--runs 1 --only A" measures less, and then keeps nothing.
bench: build ## Measure; the record of docs/benchmarks goes into docs/benchmarks.md
ifdef BENCH
	./telegate bench $(BENCH)
else
	./telegate bench --out docs/benchmarks
	awk '/<!-- results -->/ { print; while ((getline line < "docs/benchmarks/table.md") > 0) print line; print ""; skip = 1 } \
		/<!-- end of results -->/ { skip = 0 } !skip' docs/benchmarks.md > docs/benchmarks.new
	mv docs/benchmarks.new docs/benchmarks.md; rm docs/benchmarks/table.md
endif

run: ## The sandbox
	go run . sandbox

tools:
	@$$(go env GOPATH)/bin/golangci-lint version 2>/dev/null | grep -q '$(GOLANGCI_LINT:v%=%)' || \
		go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)

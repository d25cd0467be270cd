# Prerequisites are git and make; everything else is looked for, and installed after asking (YES=1: without asking).

.DEFAULT_GOAL := help
.PHONY: help run test bench dist fresh interop fmt icons starter

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build the program and start it; without a display, the demo in the terminal
	@scripts/run.sh

test: ## all tests: Rust, the page, and the real window (needs no display)
	@scripts/test.sh

bench: ## how fast the embedded model answers on this machine
	@scripts/bench.sh

dist: ## .deb and .rpm packages, into target/release/bundle
	@scripts/dist.sh

fresh: ## proof that git and make are enough: run and test in a new minimal Debian (needs root)
	@scripts/fresh.sh

interop: ## tests against other programs from PyPI, licences, these scripts (slow)
	@scripts/interop.sh

fmt: ## format Rust and the page
	@cargo fmt --all
	@cd ui && npm run format

starter: ## train the model inside the program anew (resumable; up to 100 minutes on two cores)
	@scripts/starter.sh

icons: ## draw icons/icon.svg in every size again
	@scripts/icons.sh

# The two commands of a newcomer are `make serve` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

JOBS ?= $(shell nproc)
MODEL ?= models/demo
HOST ?= 127.0.0.1
PORT ?= 8000

DAKKAR := build/release/dakkar
TIMED := tools/timed.sh
# A newcomer's compiler may warn of something new; in CI a warning is an error.
CONFIGURE := cmake --log-level=WARNING -DDAKKAR_WERROR=$(if $(CI),ON,OFF) --preset

# Where `make install` puts things: below DESTDIR when a package is built.
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help packages build serve install test test-build lint tidy format soak clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

packages: ## Install the missing system packages (Debian 12, Ubuntu 24.04)
	@tools/install_packages.sh product tests

build: ## Build the product, without tests: build/release/dakkar
	@tools/install_packages.sh product
	@$(TIMED) configure $(CONFIGURE) release
	@$(TIMED) build cmake --build build/release -j $(JOBS)

serve: build ## Build, then serve MODEL (the demo by default) on HOST:PORT
	@echo "serving $(MODEL) on http://$(HOST):$(PORT), Ctrl-C stops"
	@exec $(DAKKAR) serve $(MODEL) --host $(HOST) --port $(PORT)

install: build ## Install the program and its pages below PREFIX (/usr/local)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

test: test-build ## Build with tests, then run every test that needs no PyPI package
	@$(TIMED) test ctest --test-dir build/release -L fast -j $(JOBS) --output-on-failure
	@tools/count_tests.sh build/release

test-build:
	@tools/install_packages.sh product tests
	@$(TIMED) configure $(CONFIGURE) test
	@$(TIMED) build cmake --build build/release -j $(JOBS)

lint: ## Check format, the tidy rules and clang-tidy's chosen checks
	@tools/install_packages.sh product tests lint
	@$(TIMED) clang-format tools/format.sh --check
	@$(TIMED) tidy python3 tools/tidy.py
	@$(TIMED) clang-tidy tools/clang_tidy.sh

tidy: ## Check the limits, the banned words and the include arrows only
	@python3 tools/tidy.py

format: ## Rewrite every C++ file in the project's format
	@tools/format.sh

soak: test-build ## Run every test, the slow labels included, and minutes of load in three builds
	@$(TIMED) tests ctest --test-dir build/release -LE soak -j $(JOBS) --output-on-failure
	@$(TIMED) load tools/soak.sh release asan tsan
	@tools/count_tests.sh build/release

clean: ## Remove everything that was built
	@rm -rf build

# GNU make.  `make` alone lists the targets.  Everything is installed into .venv and nowhere else; the Debian
# packages that the tests need are the one exception (tools/debian-packages tells what it does and what it never does).

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.SUFFIXES:

# PYTHON=python3.13   the Python that .venv is made with (default: python3, at least 3.11)
# PACKAGES=           the Debian packages for `make test`; empty: install none
# CLUSTER_PACKAGES=   the same for `make test-cluster`
# PEER_PACKAGES=      the same for `make bench-peers`: those that are measured beside postroom
# WORKERS=3           how many processes run the tests; more than cores, for they often wait for servers
# TMPDIR=             where `make test` keeps temporary files (default: in memory, where there is room)
# KILLS=300           how often `make crash` kills postroom at random in each cell, and `make crash-relay` the relay
# CELLS=              the cells of `make crash`, such as "sqlite-maildir postgres-imap"; empty: all six
# PARTS=              the parts of `make crash`, such as "faults mailbox" or "faults.wires"; empty: all
# SECONDS=60          how long each target of `make fuzz` runs; its seeds: POSTROOM_CORPUS, a folder of mails
# HOSTS_SECONDS=300   how long `make test-hosts` lets hosts fail
# UPGRADE=1           lets `make lock` move to newer releases
PACKAGES ?= dovecot-imapd dovecot-lmtpd openssl postfix strace libfaketime swaks msmtp
CLUSTER_PACKAGES ?= $(PACKAGES) ceph-mon ceph-osd radosgw ceph-common
PEER_PACKAGES ?= dovecot-imapd openssl isync fdm fetchmail maildrop getmail6
# What `make test-cluster` alone runs: it needs servers of many hundred megabytes, or minutes.
CLUSTER := rgw or hosts
# What `make test-containers` alone runs: it needs a Docker engine.
CONTAINERS := greenmail
WORKERS ?= 3
KILLS ?= 300
CELLS ?=
PARTS ?=
HOSTS_SECONDS ?= 300
UPGRADE ?=
SECONDS ?= 60
FUZZ_SEEDS ?= $(if $(POSTROOM_CORPUS),$(wildcard $(POSTROOM_CORPUS)/*/))
export PYTHON
# A test starts postroom hundreds of times: each start would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

# Order matters under -j: two pips in one environment would step on each other, so `dev` waits for `app`.
.PHONY: app dev packages cluster-packages peer-packages
app:
	@tools/venv app
dev: app
	@tools/venv dev
packages:
	@tools/debian-packages $(PACKAGES)
cluster-packages:
	@tools/debian-packages $(CLUSTER_PACKAGES)
peer-packages:
	@tools/debian-packages $(PEER_PACKAGES)

##
.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: app ## Show a whole postroom at work in a temporary folder
	@.venv/bin/postroom demo

.PHONY: test
test: dev packages ## Run all tests, against real servers where they can be had
	@tools/in-memory .venv/bin/pytest -n $(WORKERS) -m "not ($(CLUSTER) or $(CONTAINERS))"

.PHONY: test-cluster
test-cluster: dev cluster-packages ## Tell the stories and integration tests on PostgreSQL and Ceph's S3, and let hosts fail
	@POSTROOM_LEG=cluster .venv/bin/pytest -n $(WORKERS) --timeout 300 -m "($(CLUSTER) or leg) and not $(CONTAINERS)"

.PHONY: test-containers
test-containers: dev ## Tell the tests of the IMAP source on GreenMail, in a container
	@tools/debian-packages openssl
	@tools/test-containers

.PHONY: check
check: dev ## Look at the code: format, lint, types, layers, spelling, dependencies, house rules
	@tools/check

.PHONY: image-check
image-check: dev ## Build the container image and run it as the compose files say, on a real engine
	@docker info > /dev/null 2>&1 || tools/debian-packages docker.io docker-compose mmdebstrap
	@tools/image-check

.PHONY: format
format: dev ## Format the code and mend what the linter can mend
	@.venv/bin/ruff format --quiet
	@.venv/bin/ruff check --quiet --fix

.PHONY: coverage
coverage: dev cluster-packages ## Run the tests and show the lines that none of them reached
	@.venv/bin/pytest -n $(WORKERS) -m "not $(CONTAINERS)" --cov --cov-report=term-missing:skip-covered --cov-report=html

.PHONY: crash-relay
crash-relay: dev packages ## Kill the relay under load (KILLS=300): what got its 250 is there whole, and nothing is there half
	@POSTROOM_CRASH_KILLS=$(KILLS) .venv/bin/pytest -n 0 --timeout 0 -s tests/crash/test_relay_kills.py

.PHONY: crash
crash: dev cluster-packages ## Kill postroom everywhere (KILLS=300), let faults befall it, and count what is lost
	@.venv/bin/python -m tests.crash --kills $(KILLS) --cells $(CELLS) --parts $(PARTS)

# One after the other, also under -j: they measure the machine.
BENCHES := peers peers-cluster growth memory latency idle parse imap mailboxes relay s3 scale flood audit
.PHONY: bench
bench: ## Measure everything that has a figure: each bench-* in turn
	@for name in $(BENCHES); do $(MAKE) bench-$$name || exit 1; done

# FIGURES=bench/figures   where benches that docs/explanation/performance.md tells of keep their figures besides
FIGURES ?=
keep = $(if $(FIGURES),--json $(FIGURES)/$(1).json)

.PHONY: bench-page
bench-page: app ## Make the tables and plots of docs/explanation/performance.md from bench/figures
	@.venv/bin/python -m bench.render

.PHONY: bench-peers
bench-peers: dev peer-packages ## Fetch the same mailbox with postroom and with its peers, in turn (BENCH="--mails 60 --rounds 1 --json FILE")
	@tools/venv bench
	@.venv/bin/python -m bench.peers $(call keep,peers) $(BENCH)

.PHONY: bench-peers-cluster
bench-peers-cluster: dev cluster-packages ## The same on PostgreSQL and S3, beside the same work written naively
	@tools/venv bench
	@.venv/bin/python -m bench.peers --storage cluster $(call keep,peers-cluster) $(BENCH)

.PHONY: bench-relay
bench-relay: dev packages ## Measure the relay beside Postfix (BENCH="--mails 500 --rounds 1 --json FILE")
	@.venv/bin/python -m bench.relay $(call keep,relay) $(BENCH)

.PHONY: bench-s3
bench-s3: dev cluster-packages ## Measure how many objects a second go into an archive in S3
	@.venv/bin/python -m bench.s3

.PHONY: bench-parse
bench-parse: dev ## Measure how fast mail is taken apart, beside other parsers, and what hostile mail costs
	@tools/venv bench
	@.venv/bin/python -m bench.parse $(call keep,parse) $(BENCH)

.PHONY: bench-imap
bench-imap: dev packages ## Measure how many mails a second come out of an IMAP mailbox
	@.venv/bin/python -m bench.imap $(BENCH)

.PHONY: bench-mailboxes
bench-mailboxes: dev packages ## Measure 1,000 mailboxes on two hosts, and the first sync of 50,000 mails (BENCH="many --boxes 100")
	@.venv/bin/python -m bench.mailboxes $(BENCH)

.PHONY: bench-maildir
bench-maildir: dev ## Measure how soon and how cheaply the mails of a Maildir are seen
	@.venv/bin/python -m bench.latency seen burst backlog maildir $(BENCH)

.PHONY: bench-latency
bench-latency: dev packages ## The same, and from APPEND to a row while `run` rests in IDLE (BENCH="--seconds 5 --share 0.02")
	@.venv/bin/python -m bench.latency $(call keep,latency) $(BENCH)

.PHONY: bench-growth
bench-growth: dev packages ## Measure a mail in mailboxes of 1,000 to 50,000 and beside a million rows (BENCH="--mails 50 400 --rounds 1 --rows 20000")
	@.venv/bin/python -m bench.growth $(call keep,growth) $(BENCH)

.PHONY: bench-memory
bench-memory: dev packages ## Measure the most memory of a fetch: mixed mails, one of 100 MB, 50,000 small ones
	@.venv/bin/python -m bench.memory $(call keep,memory) $(BENCH)

.PHONY: bench-idle
bench-idle: dev packages ## Measure a fetch with nothing new, and an idle `run` with 20 mailboxes
	@.venv/bin/python -m bench.idle $(call keep,idle) $(BENCH)

.PHONY: fuzz
fuzz: dev ## Throw damaged mail at the parsers for SECONDS=60 each, led by what the code does with it
	@tools/venv fuzz
	@for target in mail header names decoders routing tnef; do \
		.venv/bin/python -m fuzz.$$target -max_total_time=$(SECONDS) -rss_limit_mb=1024 -print_final_stats=1 \
			build/fuzz/$$target $(FUZZ_SEEDS) || exit 1; \
	done

.PHONY: test-hosts
test-hosts: dev packages ## Let three hosts die, hang and lose the network (HOSTS_SECONDS=300), and count what is lost
	@POSTROOM_HOSTS_SECONDS=$(HOSTS_SECONDS) .venv/bin/pytest -n 0 -m hosts -s tests/cluster

.PHONY: bench-flood
bench-flood: dev ## Flood a postroom with 50,000 mails: memory, queues, and how long another org waits (BENCH="--mails 500")
	@.venv/bin/python -m bench.flood $(BENCH)

.PHONY: bench-audit
bench-audit: dev ## Measure an audit of a million rows: its time and its memory (BENCH="--rows 20000")
	@.venv/bin/python -m bench.audit $(BENCH)

.PHONY: bench-scale
bench-scale: dev cluster-packages ## Measure claims, wake-ups, idle hosts, mails with one and two hosts, a million rows
	@.venv/bin/python -m bench.scale

.PHONY: fence
fence: dev ## Count the calls that the daily work takes, and hold them against what is recorded (also part of check)
	@.venv/bin/python -m bench.fence

.PHONY: fence-record
fence-record: dev ## Record those counts anew, on purpose
	@.venv/bin/python -m bench.fence --record

.PHONY: schema
schema: dev ## Write down anew what all migrations make of an empty SQLite database, after a new migration
	@.venv/bin/python -m tests.contract.db.whole_sqlite

.PHONY: mutate
mutate: dev ## Change the core a little, again and again, and show what its tests do not notice (MUTATE="headers")
	@tools/venv mutate
	@tools/mutate $(MUTATE)

.PHONY: audit
audit: dev ## Ask whether a pinned dependency has a known weakness
	@.venv/bin/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements.txt
	@.venv/bin/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements-build.txt
	@.venv/bin/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements-dev.txt

.PHONY: lock
lock: ## Compile the requirements files from pyproject.toml (UPGRADE=1: newer releases)
	@tools/lock $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove .venv and everything that tools left behind
	@rm -rf .venv build dist htmlcov .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find postroom tests -name __pycache__ -type d -prune -exec rm -rf {} +

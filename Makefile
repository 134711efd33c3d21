# Every target calls dev.py, which also works where there is no make: `python dev.py demo`.
PYTHON ?= $(shell command -v python3 || command -v python)

.PHONY: setup demo test serve parity bench gpu soak lint workflows pictures

setup demo serve lint workflows pictures:
	@$(PYTHON) dev.py $@

# make test ARGS="tests/unit -k splat", make gpu ARGS=--narrow, make soak ARGS="--minutes 8"
test bench gpu soak:
	@$(PYTHON) dev.py $@ $(ARGS)

# make parity DIR=path/to/fixtures
parity:
	@$(PYTHON) dev.py parity $(DIR)

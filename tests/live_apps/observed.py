"""The live application under Sentry and OpenTelemetry, which keep their errors and spans."""

from __future__ import annotations

import queue

import sentry_sdk
from flask import jsonify
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.transport import Transport

from tests.live_apps.plain import app, streams
from tests.support.servers import HANG_GUARD

__all__ = ["app"]

errors: "queue.Queue[dict]" = queue.Queue()
spans = InMemorySpanExporter()


class Keep(Transport):
    """Keeps the errors rather than send them."""

    def capture_envelope(self, envelope):
        if envelope.get_event() is not None:
            errors.put(envelope.get_event())


sentry_sdk.init(
    "http://key@sentry.invalid/1",
    transport=Keep,
    integrations=[FlaskIntegration()],
    traces_sample_rate=1.0,
)
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
FlaskInstrumentor().instrument_app(app, tracer_provider=provider)


@app.route("/failing")
@streams.view()
def failing():
    sentry_sdk.set_tag("tenant", "ada")
    return fail_after_one()


def fail_after_one():
    yield "one"
    raise LookupError("the model is gone")


@app.route("/traced")
@streams.view()
def traced():
    with trace.get_tracer("site", tracer_provider=provider).start_as_current_span("the model"):
        yield "one"


@app.route("/errors")
def next_error():
    """The next error that Sentry gets."""
    return jsonify(errors.get(timeout=HANG_GUARD / 2))


@app.route("/errors/waiting")
def errors_waiting():
    return jsonify(errors.qsize())


@app.route("/spans")
def all_spans():
    """The spans that have ended, the latest of each name."""
    ended = spans.get_finished_spans()
    return jsonify({span.name: {"id": _id(span.context), "in": _id(span.parent)} for span in ended})


def _id(context):
    return context and f"{context.trace_id:x}-{context.span_id:x}"

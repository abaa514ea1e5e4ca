"""``KeptStreams``: what an application does with streams that are kept, for readers who return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from .app.current import current
from .app.owner import owner_of
from .app.rights import right_to, stop_stream
from .app.state import app_state, state_of
from .app.stream_ids import signed_id
from .app.tickets import TICKET_SECONDS, new_ticket
from .keywords import ProducerOptions
from .producers.in_app import producer_in_app
from .producers.producer import Producer
from .stream.options import check_number
from .stream.resumable import options_without_reader
from .views.awaited import expect_stream
from .views.returning import attach

if TYPE_CHECKING:
    from typing_extensions import Unpack


class KeptStreams:
    """The part of :class:`~flask_llmstream.LLMStream` for streams that are kept: who reads one
    again, where it is produced, who stops it."""

    def attach(self, stream_id: str) -> Response:
        """The response that brings a stream of ``reconnect="resume"`` to one more reader: from its
        start, or behind the ``Last-Event-ID`` of the current request, and on to its end.

        ::

            @app.get("/answers/<stream_id>")
            def answer(stream_id):
                return streams.attach(stream_id)

        :param stream_id: as in the header ``X-Stream-ID`` of the stream's own response.
        :raises UnknownStream: 404, there is no such stream, or it is another owner's.
        :raises StreamGone: 410, it is kept no more; 204, this reader has it to its end.
        :raises RequestError: the ``Last-Event-ID`` is none of this stream's.
        """
        here = current()
        state = state_of(here.app)
        return attach(here, stream_id, state.options, state.slots)

    def new_stream_id(
        self, begin_timeout: float = 60, **options: Unpack[ProducerOptions]
    ) -> str:
        """An ID for a stream that is to begin elsewhere, such as in a task of a queue. It belongs
        to the owner of the current request, who may stop it before it begins.

        ::

            stream_id = streams.new_stream_id()
            answer.delay(stream_id, question)
            return streams.attach(stream_id)

        A reader who attaches before the stream begins waits for it, with heartbeats.

        :param begin_timeout: how long a reader waits, in seconds. Then it gets a ``timeout``.
            Default: 60.
        :param options: those of the producer. Only ``format`` and ``event`` count here.
        :raises ReplayUnavailable: 503, the storage can't be reached.
        :raises ConfigurationError: an option that can't work; the message names it.
        :raises TypeError: there is no such option.
        """
        check_number("begin_timeout", begin_timeout, least=0)
        here, state = current(), app_state()
        merged = options_without_reader(state.options, options)
        owner = owner_of(here)
        stream_id = signed_id(here.app, owner)
        expect_stream(here, stream_id, owner, begin_timeout, merged)
        return stream_id

    def producer(self, stream_id: str, **options: Unpack[ProducerOptions]) -> Producer:
        """Produce a stream outside of any request: in a task of a queue, a command, a script. The
        readers :meth:`attach` to it, in any process with the same ``LLMSTREAM_REPLAY_URL``.

        ::

            @celery.task
            def answer(stream_id, question):
                with app.app_context(), streams.producer(stream_id) as emitter:
                    for token in model(question):
                        emitter.send(token)

        The block gets an :class:`Emitter`, and waits for no reader. Its end completes the stream,
        and waits until the last events are in the storage, 5 s at most. An exception fails the
        stream and is raised on. Where somebody has stopped the stream, the next ``send`` raises
        :class:`StreamClosed`, which ends the block; ``emitter.on_cancel`` calls a function at once,
        which can end a call that waits for the model. No exception behind a stop is raised on.

        Where the stream's last producer was lost with its process, this begins a new run in its
        place, as soon as that is certain: after 6 s at most.

        :param stream_id: as :meth:`new_stream_id` gave it.
        :param options: ``format``, ``event``, ``first_event_timeout``, ``idle_timeout``,
            ``total_timeout``, ``on_leave``, ``detach_seconds``, ``on_finish``. The default of
            ``on_leave`` is ``finish`` here, for any config.
        :raises StreamIsProduced: the stream has another producer, or has ended. The block begins
            it: this and the next two are raised there.
        :raises ReplayUnavailable: the storage can't be reached.
        :raises StreamRefused: this process is being drained.
        :raises ConfigurationError: the ID or an option can't work; the message names it.
        :raises TypeError: there is no such option.
        """
        return producer_in_app(current(), stream_id, options)

    def stop(self, stream_id: str) -> None:
        """End a stream of ``reconnect="resume"``, wherever it is produced: its readers get the
        ordinary end of its format, with the reason ``cancelled``. A stream that has ended stays as
        it is. One that has not begun does not begin within the next minute.

        :param stream_id: as for :meth:`attach`.
        :raises UnknownStream: 404, as for :meth:`attach`.
        :raises StreamGone: within a request: 410, it is kept no more.
        """
        here = current()
        stop_stream(here, right_to(here, stream_id))

    def ticket(self, stream_id: str, seconds: float = TICKET_SECONDS) -> str:
        """A right to read a stream for a short time, for a reader that can't show who it is:
        ``GET …/chat/streams/<id>?ticket=…``, or :meth:`attach` in such a view. An ``EventSource``
        sends no header of its own.

        :param stream_id: as for :meth:`attach`.
        :param seconds: how long it is good. A reader who comes back after that needs another.
            Default: 60.
        :raises UnknownStream: 404, as for :meth:`attach`.
        :raises ConfigurationError: the app has no ``SECRET_KEY``.
        """
        check_number("seconds", seconds, least=0)
        here = current()
        right_to(here, stream_id)
        return new_ticket(here.app, stream_id, seconds)

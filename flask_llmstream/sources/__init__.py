"""Where the items of a stream come from: emitters, Observables, asynchronous iterables."""

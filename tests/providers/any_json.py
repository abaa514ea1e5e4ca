"""Any JSON value, as hypothesis makes them."""

from __future__ import annotations

from hypothesis import strategies as st

_NAMES = st.sampled_from(["text", "type", "content", "index", "id", "name", "error", "choices"])

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["error", "text", "function", "assistant", "stop"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(_NAMES | st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)
"""``NaN`` and infinities are among them: Python's servers send those."""

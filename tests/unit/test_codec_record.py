"""Reading records: whatever is wrong comes out as a RecordError, however deep it lies."""

import pytest

from gateway.codec.record import RecordReader
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError


@pytest.mark.parametrize("depth", [10, 200, 400, 900, 100_000])
@pytest.mark.parametrize("field", ["unknown", "version", "steps"])
def test_nesting_of_any_depth_is_a_refusal(depth, field):
    body = b'{"%s": %s1%s}' % (field.encode(), b"[" * depth, b"]" * depth)

    with pytest.raises(RecordError) as caught:
        RecordReader(Dossier).read(body)

    assert caught.value.violations
